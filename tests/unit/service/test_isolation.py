"""One version's trouble stays with it."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from service import logs
from service.errors import Invalid, Transient
from service.isolation import Trouble, Troubles, alone, alone_async, each, each_async

KEY = ("m", 2)


def raising(error: BaseException) -> Callable[[], int]:
    """A step that fails."""

    def step() -> int:
        raise error

    return step


@pytest.mark.parametrize("error", [ValueError("x"), OverflowError("x"), RecursionError("x"), MemoryError(), OSError(5)])
def test_whatever_nobody_thought_of_is_a_bug_in_words(error: Exception) -> None:
    """It comes back as a value, named by its type."""
    outcome = alone(raising(error))
    assert isinstance(outcome, Trouble)
    assert outcome.is_bug
    assert outcome.reason.startswith(f"a bug: {type(error).__name__}")


@pytest.mark.parametrize("kind", [Transient, Invalid])
def test_errors_with_words_keep_them(kind: type[Exception]) -> None:
    """They are sentences for the operator already."""
    outcome = alone(raising(kind("the disk is full")))
    assert isinstance(outcome, Trouble)
    assert not outcome.is_bug
    assert outcome.reason == "the disk is full"


def test_the_words_of_a_bug_are_cut_and_cleaned() -> None:
    """What raised them may have quoted a model's own text."""
    outcome = alone(raising(ValueError("\x1b[2J" + "x" * 5000)))
    assert isinstance(outcome, Trouble)
    assert "\x1b" not in outcome.reason
    assert len(outcome.reason) <= 1000


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), asyncio.CancelledError()])
async def test_cancellation_passes(error: BaseException) -> None:
    """Who stops the service stops it."""

    async def step() -> int:
        raise error

    with pytest.raises(type(error)):
        alone(raising(error))
    with pytest.raises(type(error)):
        await alone_async(step)


async def test_the_others_of_a_group_go_on() -> None:
    """One that fails does not cancel what runs beside it."""

    async def step(number: int) -> int:
        await asyncio.sleep(0)
        return 12 // number

    outcomes = await asyncio.gather(*(alone_async(step, number) for number in (0, 3, 4)))
    assert [one if isinstance(one, int) else one.reason[:24] for one in outcomes] == ["a bug: ZeroDivisionError", 4, 3]


def test_a_bug_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Not in every pass; again when it comes back after it was gone, or is another one."""
    troubles = Troubles(logs.get("service.test"))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert troubles.take("test", KEY, alone(raising(ValueError("one")))) is None
        assert len(caplog.records) == 1
        assert "in step" in (caplog.records[0].exc_text or caplog.text)
        troubles.take("test", KEY, alone(raising(ValueError("two"))))
        assert troubles.take("test", KEY, alone(int)) == 0
        troubles.take("test", KEY, alone(raising(ValueError("two"))))
    assert len(caplog.records) == 3


def test_what_is_wrong_is_known_by_subject_and_ends_with_the_step_that_failed() -> None:
    """Two steps that fail are two reasons; who is not among those a step was done for has nothing wrong with it."""
    troubles = Troubles(logs.get("service.test"))
    troubles.take("test", KEY, alone(raising(Transient("first"))))
    troubles.take("remove", KEY, alone(raising(Transient("second"))))
    assert troubles.of(KEY) == "first; second"
    troubles.end("test", KEY)
    assert troubles.all == {KEY: "second"}
    troubles.take_all("remove", each([("m", 1)], lambda _: 1), is_whole=False)
    assert troubles.of(KEY) == "second"
    troubles.take_all("remove", each([("m", 1)], lambda _: 1))
    assert troubles.of(KEY) == ""


async def test_a_step_is_done_for_each_alone() -> None:
    """Results and troubles stand apart, in order."""

    async def step(number: int) -> int:
        return 12 // number

    for outcomes in (each([3, 0, 4], lambda number: 12 // number), await each_async([3, 0, 4], step, at_once=2)):
        assert outcomes.done == {3: 4, 4: 3}
        assert [*outcomes.troubles] == [0]
