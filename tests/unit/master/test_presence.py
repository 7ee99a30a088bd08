"""Signs of life: who is heard, who said goodbye, and which names two processes have."""

from events import subjects
from events.names import NodeName
from events.status import Presence
from master.fleet.presence import PresenceTracker
from master.fleet.state import FleetState
from master.fleet.views import NodeState
from service.watch import Entry, Follow
from tests.support.fleet import CONFIGURATOR, PULLER, START, at, said

A, MASTER = NodeName("a"), NodeName("master-1")
OWN = Presence(node=MASTER, service="master", started=START, instance="own")


def sign(service: str, instance: str, *, is_last: bool = False) -> Presence:
    return Presence(node=A, service=service, started=START, instance=instance, host=f"vm-{instance}", is_last=is_last)


class Heard:
    """A master that follows the bucket."""

    def __init__(self) -> None:
        self.fleet_state = FleetState()
        for service in (PULLER, CONFIGURATOR):
            self.fleet_state.report(A, service, said("a", service, {}))
        signs = PresenceTracker(self.fleet_state, OWN, grace_seconds=10, beat=lambda: None)
        self.follow: Follow = signs.begin(lambda: None)

    def tell(self, found: Presence, seconds: float) -> None:
        key = subjects.status_key(found.node, found.service)
        self.follow(Entry(key, found.model_dump_json().encode(), 1, at(seconds)))

    def begin(self) -> None:
        self.follow(None)
        self.tell(OWN, 1)

    def state(self) -> NodeState:
        return self.fleet_state.nodes[A].verdict.state

    def reason(self) -> str:
        return self.fleet_state.nodes[A].verdict.reason


def test_two_machines_of_one_name_are_a_trouble_by_name() -> None:
    """They share subscription, report and consumer, so a node that looks well is none; it is over with one of them."""
    heard = Heard()
    heard.tell(sign(PULLER, "x"), 0)
    heard.tell(sign(CONFIGURATOR, "x"), 0)
    heard.begin()
    assert heard.state() is NodeState.WELL
    for seconds in (2, 6):
        heard.tell(sign(PULLER, "x"), seconds)
        heard.tell(sign(PULLER, "y"), seconds + 1)
    assert heard.state() is NodeState.TROUBLED
    assert "two processes report as a's puller: vm-x (x) since" in heard.reason()
    heard.fleet_state.report(A, PULLER, said("a", PULLER, {}, seconds=8))
    assert "two processes" in heard.reason()
    heard.tell(sign(PULLER, "y", is_last=True), 9)
    heard.tell(sign(PULLER, "x"), 10)
    assert heard.state() is NodeState.WELL


def test_a_clean_stop_is_known_at_once() -> None:
    """Nobody waits for the heartbeat to be missed, and it reads as what it is."""
    heard = Heard()
    for service in (PULLER, CONFIGURATOR):
        heard.tell(sign(service, "x"), 0)
    heard.begin()
    heard.tell(sign(PULLER, "x", is_last=True), 3)
    assert "the puller was stopped at" in heard.reason()
    heard.tell(sign(CONFIGURATOR, "x", is_last=True), 4)
    assert heard.state() is NodeState.LOST
    assert heard.reason() == "its services were stopped at 2026-01-01 00:00:04 UTC"
    heard.tell(sign(PULLER, "z"), 5)
    heard.tell(sign(CONFIGURATOR, "z"), 5)
    assert heard.state() is NodeState.WELL


def test_a_master_that_starts_later_reads_the_last_word() -> None:
    """It stands in the bucket, with its time."""
    heard = Heard()
    for service in (PULLER, CONFIGURATOR):
        heard.tell(sign(service, "x", is_last=True), 0)
    heard.begin()
    assert heard.reason() == "its services were stopped at 2026-01-01 00:00:00 UTC"


def test_another_masters_sign_under_the_same_name_is_not_the_own_one() -> None:
    """Two masters may have been given one name; what one has read says nothing of the other."""
    heard = Heard()
    heard.follow(None)
    heard.tell(OWN.model_copy(update={"instance": "other"}), 1)
    assert heard.state() is NodeState.WELL
    heard.tell(OWN, 2)
    assert heard.state() is NodeState.LOST
