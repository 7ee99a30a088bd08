"""Whom a node counts as its neighbours."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from events.names import NodeName
from events.status import BadPresence, Presence
from puller.exchange.neighbourhood import MAX_NEIGHBOURS, Neighbourhood
from service.jetstream import PRESENCE_SECONDS


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def sign(node: str, *, site: str = "", exchange: str = "h:1", instance: str = "i", is_last: bool = False) -> bytes:
    return (
        Presence(
            node=NodeName(node),
            service="puller",
            started=datetime(2026, 1, 1, tzinfo=UTC),
            instance=instance,
            site=site,
            exchange=exchange,
            is_last=is_last,
        )
        .model_dump_json()
        .encode()
    )


def test_who_is_heard_lives() -> None:
    """A neighbour lives while it is heard, and not after its last word."""
    clock, greeted = Clock(), []
    near = Neighbourhood(NodeName("me"), site="", clock=clock, greet=lambda: greeted.append(1))
    near.hear(sign("a", exchange="a:1"))
    near.hear(sign("b", exchange="b:1"))
    assert near.live() == {"a": "a:1", "b": "b:1"}
    near.hear(sign("b", is_last=True))
    assert set(near.live()) == {"a"}
    clock.now = PRESENCE_SECONDS
    assert not near.live()


def test_who_is_greeted() -> None:
    """A newcomer, and one that started again, hears of this node at once; the others do with the next sign of life."""
    greeted: list[int] = []
    near = Neighbourhood(NodeName("me"), site="", clock=Clock(), greet=lambda: greeted.append(1))
    for instance in ("i", "i", "j"):
        near.hear(sign("a", instance=instance))
    assert len(greeted) == 2


@pytest.mark.parametrize("data", [sign("me"), sign("a", site="elsewhere"), sign("a", exchange=""), b""])
def test_who_is_none(data: bytes) -> None:
    """The node itself, nodes of other sites, nodes without an exchange."""
    near = Neighbourhood(NodeName("me"), site="", clock=Clock(), greet=lambda: None)
    near.hear(data)
    assert not near.live()


def test_rubbish() -> None:
    """What is no sign of life is refused."""
    near = Neighbourhood(NodeName("me"), site="", clock=Clock(), greet=lambda: None)
    with pytest.raises(BadPresence):
        near.hear(b"{}")
    with pytest.raises(BadPresence):
        near.hear(b"x" * 10_000)


def test_very_many() -> None:
    """A node talks to so many neighbours at most."""
    near = Neighbourhood(NodeName("me"), site="", clock=Clock(), greet=lambda: None)
    for number in range(200):
        near.hear(sign(f"n{number}"))
    assert len(near.live()) == MAX_NEIGHBOURS
