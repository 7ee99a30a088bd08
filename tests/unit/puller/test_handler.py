"""From a message to a hint: what is heard, what is dropped, what the peers are told."""

import asyncio
from collections.abc import Callable

from events.messages import Event, NotificationReceived
from events.names import ModelName, NodeName, Version
from puller.notifications.deduplication import KEYS
from puller.notifications.handler import QUIET_SECONDS, NotificationHandler, Peers, Uploads
from puller.notifications.hints import MAX_WAITING, Hints
from tests.support.virtual_time import run

M, FINALIZE = ModelName("m"), "OBJECT_FINALIZE"


class Desk:
    """An intake and everything that comes out of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rings = 0
        self.events: list[Event] = []
        self.told: list[ModelName] = []
        self.hints = Hints(self.wake, lambda: self.now)
        self.hints.take()
        self.due: list[tuple[float, Callable[[], None]]] = []
        uploads = Uploads(self.events.append, lambda: self.now, self.later)
        self.handler = NotificationHandler("b", "p/", self.hints, uploads, tell_peers=self.told.append)

    def wake(self) -> None:
        self.rings += 1

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append((self.now + seconds, call))

    def wait(self, seconds: float) -> None:
        """Let time go by, and do what is due meanwhile."""
        until = self.now + seconds
        while due := [one for one in self.due if one[0] <= until]:
            self.due.remove(one := min(due, key=lambda one: one[0]))
            self.now = one[0]
            one[1]()
        self.now = until

    def objects(self) -> list[str]:
        """Those that the history was told of."""
        return [event.object_name for event in self.events if isinstance(event, NotificationReceived)]

    def hear(self, name: str, *, generation: int = 1, bucket: str = "b", kind: str = FINALIZE) -> None:
        self.handler.receive(
            {"eventType": kind, "bucketId": bucket, "objectId": name, "objectGeneration": str(generation)}
        )


def test_a_new_object_is_a_hint_to_its_version() -> None:
    """The hint names model and version, rings the bell, is told to the peers and kept as an event."""
    desk = Desk()
    desk.hear("p/m/3/saved_model.pb")
    assert desk.hints.take().versions == {(M, Version(3))}
    assert (desk.rings, desk.told, len(desk.events)) == (1, [M], 1)


def test_the_same_event_is_heard_once() -> None:
    """Another message about the same generation of an object asks for nothing; a new generation does."""
    desk = Desk()
    for generation in (1, 1, 1, 2):
        desk.hear("p/m/3/a", generation=generation)
    assert desk.rings == 2


def test_what_concerns_nobody_asks_for_nothing() -> None:
    """Deletes, other buckets, other prefixes and hostile names ring no bell."""
    desk = Desk()
    desk.hear("p/m/3/a", kind="OBJECT_DELETE")
    desk.hear("p/m/3/a", bucket="other")
    for name in ("m/3/a", "p/m/3/../../x", "p/../3/a", "p/m/3", "p/m/9223372036854775808/a", "p/m/3/a\x00"):
        desk.hear(name)
    assert desk.rings == 0
    assert not desk.handler.unparseable


def test_a_folder_with_leading_zeros_is_looked_up() -> None:
    """How the folder of a version is called is known once the model's folders are listed."""
    desk = Desk()
    desk.hear("p/m/03/a")
    taken = desk.hints.take()
    assert taken.models == {M}
    assert taken.versions == {(M, Version(3))}


def test_unreadable_messages_are_counted_by_reason() -> None:
    """Garbage is dropped and counted; it stops nothing."""
    desk = Desk()
    for attributes in (
        {},
        {"hello": "world"},
        {"eventType": "X", "bucketId": "b", "objectId": "o", "objectGeneration": "1"},
    ):
        desk.handler.receive(attributes)
    desk.hear("p/m/1/a", generation=-5)
    assert desk.handler.unparseable.total() == 4
    assert len(desk.handler.unparseable) == 3
    assert desk.rings == 0


def test_an_upload_is_told_by_its_first_object_its_manifest_and_its_last() -> None:
    """However many files it has and however long it takes: the history has room for others."""
    desk = Desk()
    for number in range(1000):
        desk.hear(f"p/m/3/variables/{number}")
        desk.wait(3.0)
    assert desk.objects() == ["p/m/3/variables/0"]
    desk.hear("p/m/3/manifest.json")
    desk.wait(QUIET_SECONDS)
    assert desk.objects() == ["p/m/3/variables/0", "p/m/3/manifest.json"]
    assert not desk.due
    for name in ("assets.extra/smoke.json", "fingerprint.pb", "assets/words"):
        desk.hear(f"p/m/3/{name}")
    desk.wait(QUIET_SECONDS)
    assert desk.objects()[2:] == ["p/m/3/assets.extra/smoke.json", "p/m/3/assets/words"]


def test_uploads_that_are_under_way_take_bounded_memory() -> None:
    """Whoever may publish to the topic can name any number of versions."""
    desk = Desk()
    for number in range(KEYS + 100):
        desk.hear(f"p/m/{number}/a")
    assert len(desk.due) == KEYS


def test_a_version_under_upload_is_listed_once_a_second_and_for_its_manifest() -> None:
    """Hints that come too soon after a look wait; the manifest's does not."""
    desk = Desk()
    desk.hear("p/m/3/a")
    assert desk.hints.take().versions
    desk.hear("p/m/3/b")
    soon = desk.hints.take()
    assert (soon.versions, soon.again_in_seconds) == (frozenset(), 1.0)
    desk.hear("p/m/3/manifest.json")
    assert desk.hints.take().versions
    desk.hear("p/m/3/c")
    desk.now = 1.0
    assert desk.hints.take().versions


def test_a_flood_of_versions_becomes_one_look_at_everything() -> None:
    """However many versions are announced, the memory they take is bounded."""
    desk = Desk()
    for number in range(MAX_WAITING + 1):
        desk.hear(f"p/m/{number}/a")
    taken = desk.hints.take()
    assert taken.everything
    assert not taken.versions


def test_what_a_pass_could_not_look_at_is_given_back() -> None:
    """A pass that fails loses no hint."""
    desk = Desk()
    desk.hear("p/m/3/a")
    desk.hints.look_at(ModelName("n"))
    taken = desk.hints.take()
    desk.hints.give_back(taken)
    desk.now = 5.0
    again = desk.hints.take()
    assert (again.versions, again.models) == (taken.versions, taken.models)


class Radio:
    """The peers of a node."""

    def __init__(self, *, hears_itself: bool = True) -> None:
        self.sent: list[bytes] = []
        self.hints = Hints(lambda: None, asyncio.get_running_loop().time)
        self.hints.take()
        self.peers = Peers(NodeName("a"), self.hints, publish=self.sent.append, hears_itself=lambda: hears_itself)


def test_peers_hear_the_first_and_the_last_of_a_burst() -> None:
    """Of many notifications in a second, peers get one hint at once and one at the end."""

    async def story() -> None:
        radio = Radio()
        for _ in range(100):
            radio.peers.tell(M)
        assert len(radio.sent) == 1
        await asyncio.sleep(2)
        assert len(radio.sent) == 2

    run(story())


def test_a_peers_hint_makes_us_look_at_the_model() -> None:
    """A node whose own Pub/Sub is away looks when a peer heard something; its own words come back unheard."""

    async def story() -> None:
        radio = Radio(hears_itself=False)
        radio.peers.receive(b'{"node": "a", "model": "m"}')
        assert not radio.hints.take().models
        radio.peers.receive(b'{"node": "b", "model": "m"}')
        assert radio.hints.take().models == {M}

    run(story())


def test_a_peers_hint_adds_nothing_to_our_own_notification() -> None:
    """What our own stream has just announced is not looked at once more because a peer heard it too."""

    async def story() -> None:
        radio = Radio()
        radio.peers.tell(M)
        radio.peers.receive(b'{"node": "b", "model": "m"}')
        assert not radio.hints.take().models
        await asyncio.sleep(60)
        radio.peers.receive(b'{"node": "b", "model": "m"}')
        assert radio.hints.take().models == {M}

    run(story())
