"""Times, sizes and server-sent events."""

from datetime import timedelta

import pytest

from events.status import Progress
from master.cli.client.sse import Message, messages
from master.cli.output import sentences
from tests.fakes.master import NOW


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3661, "1h 1m"), (86400, "1d 0h"), (200_000, "2d 7h")],
)
def test_ages_have_their_two_largest_units(seconds: int, text: str) -> None:
    """An age is as exact as a person needs it."""
    assert sentences.age(NOW - timedelta(seconds=seconds), now=NOW) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (4300, "4.2 KiB"), (2**30, "1.0 GiB"), (3 * 2**43, "24.0 TiB")]
)
def test_sizes_have_a_unit(count: int, text: str) -> None:
    """Bytes as people read them."""
    assert sentences.size(count) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("45s", 45), ("10m", 600), ("1h30m", 5400), ("1d", 86400), ("0s", 0)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    """The usual ways to write a time."""
    assert sentences.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "m", "10 apples", "1.5h", "-3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A slip is an error and not a guess."""
    with pytest.raises(ValueError, match="is no time"):
        sentences.duration(text)


def test_events_come_whole_and_comments_are_stepped_over() -> None:
    """Ids stay until the next one, data of several lines is joined, half a message is dropped."""
    lines = [": hello", "id: 7", "event: a", "data: one", "data: two", "", "data:three", "", "retry: 5", "data: half"]
    assert list(messages(lines)) == [Message("7", "a", "one\ntwo"), Message("7", "", "three")]


def test_a_transfer_says_what_neighbours_gave() -> None:
    """An operator sees whether the line to the bucket is spared."""
    alone = Progress(bytes_done=42, bytes_total=100, bytes_per_second=10, seconds_left=5.8)
    assert sentences.progress(alone) == "42 % of 100 B, 10 B/s, 6s left"
    shared = alone.model_copy(update={"bytes_from_neighbours": 30})
    assert sentences.progress(shared) == "42 % of 100 B, 10 B/s, 6s left, 30 B from neighbours"
