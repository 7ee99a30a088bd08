"""Two living processes of one name are told apart from one that was started again."""

from datetime import UTC, datetime, timedelta

from events import writers
from events.names import NodeName
from events.status import Presence
from events.writers import Writers

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sign(instance: str, *, started: float = 0.0, host: str = "vm", is_last: bool = False) -> Presence:
    return Presence(
        node=NodeName("node-1"),
        service="puller",
        started=at(started),
        instance=instance,
        host=host,
        is_last=is_last,
    )


def test_signs_that_take_turns_are_of_two_who_live() -> None:
    """It is told as soon as the first is heard again after the second, with where and since when each runs."""
    heard = Writers()
    assert heard.hear(sign("a"), at(0)) == ()
    assert heard.hear(sign("b", started=60), at(2)) == ()
    rivals = heard.hear(sign("a"), at(4))
    assert [rival.instance for rival in rivals] == ["a", "b"]
    assert writers.words(rivals) == (
        "two processes report as node-1's puller: vm (a) since 2026-01-01 12:00:00 UTC,"
        " vm (b) since 2026-01-01 12:01:00 UTC; give each machine a name of its own (MM_NODE)"
    )


def test_a_start_after_an_end_is_one_process() -> None:
    """However often it is started again: killed, or stopped with a last word."""
    heard = Writers()
    for number in range(5):
        for beat in range(3):
            assert heard.hear(sign(str(number)), at(number * 10 + beat * 4)) == ()
        assert heard.hear(sign(str(number), is_last=True), at(number * 10 + 9)) == ()


def test_it_is_over_when_one_alone_is_left() -> None:
    """One that was stopped is gone at once, one that was killed after three signs that did not come."""
    heard = Writers()
    for seconds in (0, 4, 8):
        heard.hear(sign("a"), at(seconds))
        heard.hear(sign("b"), at(seconds + 1))
    assert heard.hear(sign("a"), at(12))
    assert len(heard.hear(sign("a"), at(20))) == 2
    assert heard.hear(sign("a"), at(28)) == ()
    heard.hear(sign("b"), at(29))
    assert heard.hear(sign("a"), at(30))
    assert heard.hear(sign("b", is_last=True), at(31)) == ()


def test_releases_without_an_instance_are_told_apart_by_their_start() -> None:
    """A node of the release before is seen, too."""
    heard = Writers()
    heard.hear(sign("", host=""), at(0))
    heard.hear(sign("", started=60, host=""), at(1))
    assert "a host that is not told" in writers.words(heard.hear(sign("", host=""), at(4)))
    assert writers.words(()) == ""
