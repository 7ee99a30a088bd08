"""The folder of a deployment: complete, or told what is missing and how it is made."""

from pathlib import Path

import pytest

from infra.docker.offline.shell import Failed
from infra.swarm import inputs, render
from infra.swarm.render import LABELS, Node, Places

NODES = [Node(name, name, "worker", "ready", "active", dict.fromkeys(LABELS, "yes"), 8, 8) for name in "abc"]


@pytest.fixture
def found() -> Places:
    return render.places(NODES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with everything in it."""
    for source in inputs.SOURCES:
        path = tmp_path / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.name)
    return tmp_path


def test_every_file_is_read(folder: Path, found: Places) -> None:
    """Seeds, keys and tokens become secrets, what may be seen configs; beside them stands what the project brings."""
    contents = {content.name: content for content in inputs.read_contents(folder, found)}
    assert {name for name, one in contents.items() if one.kind == "secrets"} == {
        "nats_master",
        "nats_admin",
        "nats_puller",
        "nats_configurator",
        "nats_certificate",
        "nats_certificate_key",
        "tokens",
        "command_token",
        "exchange_token",
    }
    assert b"nats-route://nats-a:6222" in contents["nats_cluster"].data
    assert contents["nats_users"].data == b"nats_users"


def test_google_credentials_are_taken_where_they_are(folder: Path, found: Places) -> None:
    """Nodes that have credentials of their own need no file."""
    names = {content.name for content in inputs.read_contents(folder, found)}
    (folder / "google.json").write_text("{}")
    assert {content.name for content in inputs.read_contents(folder, found)} - names == {"google"}


def test_all_that_is_missing_is_told_with_how_it_is_made(folder: Path, found: Places) -> None:
    """An empty file is as good as none: an empty token would open the door."""
    (folder / "tls/server.key").unlink()
    (folder / "command-token").write_text("")
    with pytest.raises(Failed) as caught:
        inputs.read_contents(folder, found)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        str(folder / "tls/server.key"),
        str(folder / "command-token"),
    ]
    assert f"openssl rand -hex 32 > {folder}/command-token" in lines[1]


def test_written_contents_are_read_by_nobody_else(folder: Path, found: Places, tmp_path: Path) -> None:
    """The files that are handed to `docker` for a moment hold secrets."""
    contents = inputs.read_contents(folder, found)
    target = tmp_path / "written"
    target.mkdir()
    files = inputs.write_contents(contents, target)
    assert {files[content.name].read_bytes() for content in contents} == {content.data for content in contents}
    assert {path.stat().st_mode & 0o077 for path in files.values()} == {0}


def test_settings_come_from_the_file_and_the_environment(tmp_path: Path) -> None:
    """The environment goes before the file; what is none of ours is left out."""
    (tmp_path / "settings.env").write_text("# ours\n\nMM_IMAGE = one:1\nMM_BUCKET=b=c\n")
    settings = inputs.read_settings(tmp_path, {"MM_IMAGE": "two:2", "PATH": "/bin"})
    assert settings == {"MM_IMAGE": "two:2", "MM_BUCKET": "b=c"}


@pytest.mark.parametrize("text", ["MM_IMAGE", "=x", "MM IMAGE=x"])
def test_line_that_sets_nothing_is_told(tmp_path: Path, text: str) -> None:
    """A typing error does not pass as a setting that is not set."""
    (tmp_path / "settings.env").write_text(f"MM_BUCKET=b\n{text}\n")
    with pytest.raises(Failed, match="line 2"):
        inputs.read_settings(tmp_path, {"MM_IMAGE": "x"})


def test_missing_settings_are_told_by_name(tmp_path: Path) -> None:
    """Without image and bucket there is nothing to deploy."""
    with pytest.raises(Failed, match="MM_IMAGE and MM_BUCKET must be set"):
        inputs.read_settings(tmp_path, {})


def test_images_are_named_by_what_they_are() -> None:
    """A tag can lead to another image any day; all that are so named are told at once, with the way out."""
    digest = f"registry.example/x@sha256:{'0a' * 32}"
    inputs.check_images(dict.fromkeys(inputs.IMAGES, digest))
    with pytest.raises(Failed) as caught:
        inputs.check_images({"MM_IMAGE": "x:1", "MM_NATS_IMAGE": digest, "MM_TFSERVING_IMAGE": f"{digest}0"})
    assert str(caught.value).startswith("MM_IMAGE and MM_TFSERVING_IMAGE must be named by digest")
    assert "--resolve-image never" in str(caught.value)
