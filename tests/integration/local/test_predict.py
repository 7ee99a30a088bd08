"""The client that never stops asking keeps what it sees, and gets in nobody's way."""

import pytest

from infra.local.ports import LOOPBACK, Ports
from infra.local.predict import asking
from tests.support.stack import eventually


async def test_failed_answers_are_kept_with_their_reason() -> None:
    """Where nobody answers, each try is kept as an error that says so."""
    with Ports() as ports:
        async with asking(f"{LOOPBACK}:{ports.reserve()}", "line", xs=(1.0,)) as answers:
            await eventually(lambda: len(answers.all) >= 2)
    assert all(answer.error.startswith("UNAVAILABLE") for answer in answers.all)


async def test_a_failure_of_the_asker_comes_through_as_it_is() -> None:
    """What goes wrong while the client asks is raised unchanged, so that it can be told in one sentence."""
    with Ports() as ports, pytest.raises(ZeroDivisionError):
        async with asking(f"{LOOPBACK}:{ports.reserve()}", "line", xs=(1.0,)):
            raise ZeroDivisionError
