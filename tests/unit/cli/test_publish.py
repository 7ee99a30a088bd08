"""What `publish` refuses before it sends anything, and what `--anyway` lets through."""

from pathlib import Path

import pytest

from events.names import MAX_VERSION
from events.status import Source
from infra.local.versions import saved_model
from master.cli.exits import Exit
from tests.fakes.master import FakeTransport, page, run
from tests.support.shown import N1, a_node, a_service

SERVICE = a_service().model_copy(update={"source": Source(bucket="models", prefix="prod/")})
CLUSTER = {"GET /v1/nodes": page(a_node(N1).model_copy(update={"services": (SERVICE,)}))}


@pytest.fixture
def export(tmp_path: Path) -> str:
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "saved_model.pb").write_bytes(saved_model())
    return str(tmp_path)


def test_a_place_that_no_node_watches_is_refused(export: str) -> None:
    """The sentence says where nodes look, and the advice how to publish all the same."""
    outcome = run(FakeTransport({**CLUSTER}), "publish", export, "gs://models/staging/line/7")
    assert outcome.code == Exit.FAILED
    assert "no node looks at gs://models/staging/ for models: n1 looks at gs://models/prod/" in outcome.errors
    assert "--anyway" in outcome.errors


def test_the_highest_version_is_refused(export: str) -> None:
    """Nothing could ever follow it."""
    outcome = run(FakeTransport({**CLUSTER}), "publish", export, f"gs://models/prod/line/{MAX_VERSION}")
    assert outcome.code == Exit.FAILED
    assert f"version {MAX_VERSION} is the highest there can be" in outcome.errors


def test_a_version_that_cannot_be_judged_is_refused(export: str) -> None:
    """Nobody reads what a graph in pieces needs."""
    folder = Path(export)
    (folder / "saved_model.pb").rename(folder / "saved_model.cpb")
    outcome = run(FakeTransport({**CLUSTER}), "publish", export, "gs://models/prod/line/7")
    assert "its graph is in saved_model.cpb" in outcome.errors
    assert outcome.code == Exit.FAILED


def test_all_reasons_are_told_at_once(export: str) -> None:
    """Nobody has to find them one by one."""
    outcome = run(FakeTransport({**CLUSTER}), "publish", export, f"gs://models/staging/line/{MAX_VERSION}")
    assert "no node looks at" in outcome.errors
    assert "is the highest there can be" in outcome.errors
