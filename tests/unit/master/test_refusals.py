"""Changes that cannot work are refused, with what was probably meant; `ahead` says that the future is meant."""

from collections.abc import Mapping

import pytest

from events import changes as wire
from events.changes import Change
from events.desired import Desired, Pinned, Policy
from events.names import ModelName, NodeName
from events.status import NOT_IN_BUCKET, PulledVersion, Stage
from infra.local.fleet_report import Simulated
from master.desired import refusals
from master.desired.changes import Unreasonable
from master.fleet.cells import Cell
from master.fleet.state import FleetState
from tests.support.fleet import MODEL, START, fleet_of, serving, stored, versions

V5, V6, V7, V9 = versions(5, 6, 7, 9)
QUARANTINED = serving(5, 9, 7, quarantined={V9: "bad"})


def check(
    change: Change,
    *,
    nodes: Mapping[str, Simulated],
    model: ModelName = MODEL,
    document: Desired | None = None,
    only: str = "",
) -> None:
    fleet_state = fleet_of(nodes).fleet_state
    names = [NodeName(only)] if only else sorted(fleet_state.nodes)
    refusals.check(model, change, fleet_state=fleet_state, names=names, document=document or Desired())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            wire.Pin(versions=(versions(999)[0],)),
            r"no node has version 999 or sees it .*there is versions 5, 6, 7; --ah",
        ),
        (wire.Pin(versions=(versions(77)[0],)), r"did you mean 7\?"),
        (wire.Pull(version=V9), "no node has version 9"),
        (wire.Rollback(version=V9), "no node has version 9"),
        (wire.RemoveVersion(version=V9), "no node has version 9"),
        (wire.SetLabel(label="stable", version=V9), "no node has version 9"),
        (wire.SetLabel(label="stabel"), r"no label stabel is set, there is stable; did you mean stable\?"),
        (wire.Unpull(version=V7), r"version 7 is not kept by a pull, pulled is version 5"),
        (wire.Retry(version=V7), "version 7 is not in quarantine, nothing of it is"),
    ],
)
def test_what_is_not_there_is_refused(change: Change, words: str) -> None:
    """The operator hears what there is."""
    document = Desired(policy=Policy(labels={"stable": V7}, held=(V5,)))
    with pytest.raises(Unreasonable, match=words):
        check(change, nodes={"a": serving(5, 6, 7)}, document=document)


@pytest.mark.parametrize(
    "change",
    [
        wire.Pin(versions=(V5, V7)),
        wire.Pin(versions=(versions(8)[0],)),
        wire.Pull(version=V6),
        wire.SetLabel(label="new", version=V6),
        wire.SetLabel(label="stable"),
        wire.Unpull(version=V5),
        wire.Pin(versions=(V9,), ahead=True),
        wire.Retry(version=V7, ahead=True),
        wire.Unpin(),
        wire.Pause(),
        wire.RemoveModel(),
    ],
)
def test_what_can_work_is_not_refused(change: Change) -> None:
    """A version on a disk, one on its way, and whatever is meant for the future."""
    document = Desired(policy=Policy(labels={"stable": V7}, held=(V5,)))
    check(change, nodes={"a": serving(5, 6, 7, downloading=versions(8)[0])}, document=document)


def test_a_model_that_nobody_knows_is_refused() -> None:
    """Unless it is still to come, or no node has told of anything yet."""
    pin, typo = wire.Pin(versions=(V5,)), ModelName("mm")
    with pytest.raises(Unreasonable, match=r"no node has such a model.* did you mean m\?; --ahead"):
        check(pin, nodes={"a": serving(5)}, model=typo)
    check(pin.model_copy(update={"ahead": True}), nodes={"a": serving(5)}, model=typo)
    check(pin, nodes={}, model=typo)


def test_a_retry_is_of_what_is_in_quarantine_on_the_named_nodes() -> None:
    """What another node holds in quarantine is not tried again here."""
    nodes = {"a": QUARANTINED, "b": serving(5, 7)}
    check(wire.Retry(version=V9), nodes=nodes)
    check(wire.Retry(version=V9), nodes=nodes, only="a")
    with pytest.raises(Unreasonable, match="version 9 is not in quarantine"):
        check(wire.Retry(version=V9), nodes=nodes, only="b")
    with pytest.raises(Unreasonable, match=r"in quarantine is version 9; did you mean 9\?"):
        check(wire.Retry(version=versions(99)[0]), nodes=nodes)


def test_only_what_is_nowhere_can_be_forgotten() -> None:
    """A version that was only asked for is nowhere."""
    with pytest.raises(Unreasonable, match="node a has versions 5, 7 of it"):
        check(wire.ForgetModel(ahead=True), nodes={"a": serving(5, 7)})
    fleet_state: FleetState = fleet_of({"a": serving(5)}).fleet_state
    ghost = ModelName("tpyo")
    fleet_state.desire({ghost: stored(Policy(want=Pinned(versions=(V5,))))})
    line = PulledVersion(version=V5, state=Stage.INCOMPLETE, reason=NOT_IN_BUCKET, since=START)
    fleet_state.nodes[NodeName("a")].cells[ghost] = Cell(pulled=f"[{line.model_dump_json()}]".encode())
    refusals.check(ghost, wire.ForgetModel(), fleet_state=fleet_state, names=[NodeName("a")], document=Desired())


def test_a_model_of_which_nothing_is_wanted_goes_from_the_lists() -> None:
    """A document that says what holds of any model keeps no model on the lists."""
    fleet_state = fleet_of({"a": serving(5)}).fleet_state
    ghost = ModelName("tpyo")
    fleet_state.desire({ghost: stored(Policy(paused=True))})
    assert ghost in fleet_state.models
    fleet_state.desire({ghost: stored(Policy(), revision=2)})
    assert ghost not in fleet_state.models
