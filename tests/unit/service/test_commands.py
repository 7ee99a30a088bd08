"""Admin commands at a service: checked alike, followed once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from events.commands import MAX_REQUEST_BYTES, Command, Status, Sync
from events.names import NodeName
from service.commands import Commands
from service.errors import Transient


class Syncs:
    """Counts how often the command was followed."""

    def __init__(self) -> None:
        self.requests: list[Command] = []

    async def __call__(self, request: Command) -> tuple[str, ...]:
        self.requests.append(request)
        await asyncio.sleep(0)
        return ("looked",)


@pytest.fixture
def syncs() -> Syncs:
    return Syncs()


@pytest.fixture
def commands(syncs: Syncs) -> Commands:
    async def broken(_request: Command) -> tuple[str, ...]:
        raise Transient("the bucket is away")

    return Commands(NodeName("n1"), "puller", {Sync: syncs, Status: broken})


def request(**fields: object) -> bytes:
    return json.dumps(fields).encode()


async def test_empty_request_is_enough(commands: Commands, syncs: Syncs) -> None:
    """A person with a NATS tool need not write an envelope."""
    answer = await commands.answer("sync", b"")
    assert (answer.is_done, answer.sentences, answer.error) == (True, ("looked",), "")
    assert len(syncs.requests) == 1


async def test_same_id_has_one_effect_and_one_answer(commands: Commands, syncs: Syncs) -> None:
    """A request sent again, even at the same time, is followed once."""
    answers = await asyncio.gather(*[commands.answer("sync", request(id="a")) for _ in range(3)])
    assert len(syncs.requests) == 1
    assert answers[0] == answers[1] == answers[2]
    await commands.answer("sync", request(id="b"))
    assert len(syncs.requests) == 2


async def test_an_id_stands_for_one_request(commands: Commands, syncs: Syncs) -> None:
    """Whoever takes an id beforehand has nobody else's request answered by the answer to his own."""
    await commands.answer("sync", request(id="a", dry_run=True))
    answer = await commands.answer("sync", request(id="a"))
    assert (answer.is_done, answer.sentences) == (False, ())
    assert "the id 'a' was used for another request" in answer.error
    assert len(syncs.requests) == 1
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    again = await commands.answer("sync", request(id="a", dry_run=True, deadline=later))
    assert again.sentences == ("looked",)


async def test_overdue_request_is_refused(commands: Commands, syncs: Syncs) -> None:
    """What was sent while its sender was cut off, and comes late, does nothing."""
    late = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    answer = await commands.answer("sync", request(deadline=late))
    assert not answer.is_done
    assert "deadline" in answer.error
    assert syncs.requests == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (request(modell="m"), "modell"),
        (request(model="../x"), "model name"),
        (request(v=2), "v:"),
        (b"{", "JSON"),
        (b"x" * (MAX_REQUEST_BYTES + 1), "bytes"),
    ],
)
async def test_wrong_request_is_refused_with_the_place(
    commands: Commands, syncs: Syncs, data: bytes, words: str
) -> None:
    """The sender reads what is wrong; nothing is guessed and nothing is done."""
    answer = await commands.answer("sync", data)
    assert words in answer.error
    assert syncs.requests == []


async def test_unknown_command_names_the_known_ones(commands: Commands) -> None:
    """A slip of the pen is easy to mend."""
    assert "status, sync" in (await commands.answer("snyc", b"")).error


async def test_trouble_is_an_answer(commands: Commands) -> None:
    """What goes wrong in the service reaches whoever asked, in words."""
    assert (await commands.answer("status", b"")).error == "the bucket is away"
