"""What the puller says of itself: states with their age, news once, connections."""

from datetime import datetime, timedelta

from events.messages import Event, VersionIncomplete
from events.names import ModelName, Version
from events.status import Progress, Stage
from events.trouble import STUCK
from puller.status import MAX_NOT_WANTED, Ledger
from puller.view import Decision
from service import metrics
from service.connection_state import ConnectionState
from tests.fakes.bucket import EPOCH

M = ModelName("m")


def half(reason: str) -> tuple[Decision, ...]:
    return (Decision(Version(1), Stage.INCOMPLETE, reason),)


def test_the_same_news_is_told_once() -> None:
    """An event follows a change of state or reason, not a pass."""
    events: list[Event] = []
    changes: list[None] = []
    ledger = Ledger(emit=events.append, on_change=lambda: changes.append(None))
    for reason in ("a is missing", "a is missing", "b is missing"):
        ledger.record(M, half(reason), now=EPOCH)
    assert [event.reason for event in events if isinstance(event, VersionIncomplete)] == [
        "a is missing",
        "b is missing",
    ]
    assert len(changes) == 2


def test_a_state_keeps_its_age_while_its_reason_changes() -> None:
    """`since` says for how long a version has been in its state, whatever the reason was."""
    ledger = Ledger(emit=lambda _: None, on_change=lambda: None)
    ledger.record(M, half("a is missing"), now=EPOCH)
    ledger.record(M, half("b is missing"), now=EPOCH + timedelta(hours=1))
    assert since(ledger) == EPOCH
    ledger.record(M, (Decision(Version(1), Stage.WAITING),), now=EPOCH + timedelta(hours=2))
    assert since(ledger) == EPOCH + timedelta(hours=2)


def since(ledger: Ledger) -> datetime:
    return ledger.models(lambda _model, _version: None)[M][0].since


def test_only_the_newest_of_the_unwanted_are_shown() -> None:
    """A model with thousands of old versions does not make the report thousands of lines long."""
    ledger = Ledger(emit=lambda _: None, on_change=lambda: None)
    old = tuple(Decision(Version(number), Stage.NOT_WANTED, "older") for number in range(1000))
    ledger.record(M, (*old, Decision(Version(1000), Stage.PUBLISHED)), now=EPOCH)
    shown = [entry.version for entry in ledger.models(lambda _model, _version: None)[M]]
    assert shown == list(range(1000 - MAX_NOT_WANTED, 1001))


def test_progress_is_shown_while_a_version_is_fetched() -> None:
    """Progress belongs to the state `downloading` and to no other."""
    progress = Progress(bytes_done=1, bytes_total=2, bytes_per_second=1, seconds_left=1)
    ledger = Ledger(emit=lambda _: None, on_change=lambda: None)
    decisions = (Decision(Version(1), Stage.PUBLISHED), Decision(Version(2), Stage.DOWNLOADING))
    ledger.record(M, decisions, now=EPOCH)
    assert [entry.progress for entry in ledger.models(lambda _model, _version: progress)[M]] == [None, progress]


def test_a_model_that_is_gone_is_gone_from_the_report() -> None:
    """Nothing is kept of a model about which there is nothing to decide."""
    ledger = Ledger(emit=lambda _: None, on_change=lambda: None)
    ledger.record(M, half("x"), now=EPOCH)
    ledger.record(M, (), now=EPOCH)
    ledger.record(M, (), now=EPOCH)
    assert ledger.models(lambda _model, _version: None) == {}


def test_what_is_on_its_way_for_too_long_is_counted_as_stuck() -> None:
    """By state, as the page tells it; what has arrived or is not wanted never is."""
    ledger = Ledger(emit=lambda _: None, on_change=lambda: None)
    stages = (Stage.INCOMPLETE, Stage.DOWNLOADING, Stage.PUBLISHED, Stage.NOT_WANTED, Stage.FAILED)
    decisions = tuple(Decision(Version(number), stage) for number, stage in enumerate(stages))
    ledger.record(M, decisions, now=EPOCH)
    ledger.measure(EPOCH + STUCK - timedelta(seconds=1))
    assert stuck() == {}
    ledger.measure(EPOCH + STUCK)
    assert stuck() == {"incomplete": 1, "downloading": 1}
    ledger.record(M, (), now=EPOCH + STUCK)
    ledger.measure(EPOCH + STUCK)
    assert stuck() == {}


def stuck() -> dict[str, float]:
    samples = [one for family in metrics.VERSIONS_STUCK.collect() for one in family.samples]
    return {one.labels["state"]: one.value for one in samples if one.value}


def test_a_connection_keeps_its_age_while_the_reason_changes() -> None:
    """`since` of a link is when it was lost or made, and a change is told once."""
    times = iter(EPOCH + timedelta(seconds=number) for number in range(10))
    changes: list[str] = []
    link = ConnectionState("bucket", clock=lambda: next(times), on_change=lambda: changes.append(link.state.reason))
    link.down("refused")
    link.down("refused")
    link.down("reset")
    assert (link.state.since, link.state.reason) == (EPOCH, "reset")
    link.up()
    link.up()
    assert link.state.is_connected
    assert link.state.since > EPOCH
    assert changes == ["refused", "reset", ""]
