"""The wheel of the command: what is in it, what it asks for, and that nothing of it is of the services."""

import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from infra.command.__main__ import PACKAGE, build
from infra.command.closure import imported, moved
from service.version import __version__

HEAVY = {"tensorflow", "tensorflow_serving", "nats", "nkeys", "fastapi", "uvicorn", "prometheus_client", "starlette"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    with zipfile.ZipFile(build(tmp_path_factory.mktemp("dist"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_checkout_gives_the_same_wheel(tmp_path: Path) -> None:
    """Byte for byte, so that it can be compared."""
    one, other = build(tmp_path / "a"), build(tmp_path / "b")
    assert one.read_bytes() == other.read_bytes()


def test_the_page_says_how_big_it_is(tmp_path: Path) -> None:
    """As it is today."""
    page = (Path(__file__).parents[2] / "docs" / "command.md").read_text()
    assert f"The wheel has {build(tmp_path).stat().st_size / 1e6:.1f} MB" in page


def test_there_is_one_import_name_and_nothing_of_the_services(files: dict[str, bytes]) -> None:
    """No module imports what a node needs, from us or from elsewhere."""
    tops = {name.partition("/")[0] for name in files}
    assert tops == {PACKAGE, f"model_manager_command-{__version__}.dist-info"}
    sources = {name: data.decode() for name, data in files.items() if name.endswith(".py")}
    roots = {module.partition(".")[0] for source in sources.values() for module in imported(source)}
    assert not roots & (HEAVY | {"events", "service", "master", "puller", "configurator", "infra"})
    assert not [name for name in sources if name.split("/")[1] in {"puller", "configurator", "infra"}]


def test_it_asks_for_what_pyproject_says(files: dict[str, bytes]) -> None:
    """Bounds stand in one place; Pub/Sub's client comes only where it is asked for."""
    about = message_from_bytes(files[f"model_manager_command-{__version__}.dist-info/METADATA"])
    asked = about.get_all("Requires-Dist") or []
    assert about["Version"] == __version__
    assert [one for one in asked if one.startswith("pydantic>=")]
    assert all("extra ==" in one for one in asked if one.startswith(("google-cloud-pubsub", "grpcio")))


def test_imports_are_moved_wherever_they_stand() -> None:
    """At the top, in functions, for types; those of others stay."""
    source = (
        "from events.names import A\nimport json\n\n\ndef f():\n    from master.cli import b\n    from rich import c\n"
    )
    assert moved(source, "p") == source.replace("events.names", "p.events.names").replace("master.cli", "p.master.cli")
    with pytest.raises(ValueError, match="line 1"):
        moved("import events.names\n", "p")
