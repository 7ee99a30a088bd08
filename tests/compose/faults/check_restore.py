"""NATS loses its data: the nodes keep to what was wanted, and a backup brings it back (docs/operations.md)."""

from pathlib import Path

from events.messages import ChangeMade
from infra.docker.line import Line
from master.answers import HistoryPage
from master.fleet.stored import Stored
from tests.compose.breaker import Breaker
from tests.compose.world import World, eventually

FIRST, SECOND = Line(4.0, 1.0), Line(4.0, 2.0)


def test_lost_data_of_nats_is_restored(world: World, breaker: Breaker, model: str, tmp_path: Path) -> None:
    """A pin holds while NATS is empty; restored are the document, its revision and the history."""
    for version, line in ((1, FIRST), (2, SECOND)):
        world.upload(model, version, line)
        world.wait_served(model, version, line)
    revision = world.change(model, kind="pin", versions=[1]).revision_after
    world.wait_served(model, 1, FIRST)
    changes = f"/v1/history?model={model}&kind={ChangeMade.type}"
    eventually(lambda: world.get(changes, HistoryPage).entries, "the pin is in the history")
    tmp_path.chmod(0o777)  # the container's user is another
    breaker.keep_nats("save", "/backup/all", folder=tmp_path)
    breaker.lose_data_of_nats()
    eventually(lambda: not world.overview().freshness.is_stale, "the master hears the cluster")
    world.wait_served(model, 1, FIRST)
    breaker.keep_nats("restore", "/backup/all", "--replace", folder=tmp_path)
    breaker.restart("nats")  # so that everybody looks at once
    breaker.stack.wait_healthy()
    assert world.get(f"/v1/models/{model}/desired", Stored).revision == revision
    assert world.get(changes, HistoryPage).entries
    world.change(model, kind="unpin")
    world.wait_served(model, 2, SECOND)
