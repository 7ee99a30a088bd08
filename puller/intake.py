"""What a message means: a Pub/Sub message or a peer's word becomes a hint, or is counted and forgotten.

Nothing here decides anything: a hint is a place to look. Other nodes are told of what is news here, so that a node
whose own Pub/Sub is away learns of it too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from events import hint, notification
from events.hint import Hint
from events.messages import Event, NotificationReceived
from events.names import MANIFEST_NAME, Ignored, ModelName, NodeName, ObjectPath
from events.notification import Notification, Unparseable
from puller.dedupe import KEYS, Pace, Recent
from puller.hints import Hints
from service import logs, metrics

log = logs.get("puller.intake")

EVENT_SECONDS = 1.0  # an upload of many files is heard as one event a second, and as its manifest
PEER_SECONDS = 1.0  # between two hints to the peers about one model
OWN_NEWS_SECONDS = 10.0  # for so long a peer's word about a model adds nothing to our own notification


@dataclass(slots=True)
class Intake:
    """Takes Pub/Sub's messages, on the event loop."""

    bucket: str
    prefix: str
    hints: Hints
    emit: Callable[[Event], None]
    tell_peers: Callable[[ModelName], None]
    monotonic: Callable[[], float]
    unparseable: Counter[str] = field(default_factory=Counter)  # reason -> messages
    _recent: Recent = field(default_factory=Recent)
    _pace: Pace = field(default_factory=lambda: Pace(EVENT_SECONDS))

    def receive(self, attributes: Mapping[str, str]) -> None:
        """Take one message; it may be acked afterwards whatever it was."""
        match notification.parse(attributes):
            case Unparseable(reason=reason):
                self._complain(reason)
            case Notification() as heard:
                self._hear(heard)

    def _complain(self, reason: str) -> None:
        self.unparseable[reason] += 1
        metrics.NOTIFICATIONS.labels(outcome="unparseable").inc()
        if self.unparseable[reason] == 1:
            log.warning("message is no notification; such messages are dropped and counted from now on", reason=reason)

    def _hear(self, heard: Notification) -> None:
        match notification.concerns(heard, bucket=self.bucket, prefix=self.prefix):
            case Ignored(reason=reason):
                metrics.NOTIFICATIONS.labels(outcome="ignored").inc()
                log.debug("notification ignored", reason=reason)
            case ObjectPath() as place:
                if self._recent.is_new(heard.key):
                    metrics.NOTIFICATIONS.labels(outcome="fresh").inc()
                    self._follow(heard, place)
                else:
                    metrics.NOTIFICATIONS.labels(outcome="repeated").inc()

    def _follow(self, heard: Notification, place: ObjectPath) -> None:
        may_be_last = place.file == MANIFEST_NAME
        self.hints.look_into(place.model, place.version, is_urgent=may_be_last)
        if not place.is_plain:  # how its folder is called is known once the model's folders are listed
            self.hints.look_at(place.model)
        self.tell_peers(place.model)
        wait_seconds = self._pace.wait_seconds((place.model, place.version), now=self.monotonic())
        if may_be_last or not wait_seconds:
            self.emit(
                NotificationReceived(
                    model=place.model,
                    version=place.version,
                    object_name=heard.object_name,
                    generation=heard.generation,
                    event_time=heard.event_time,
                )
            )


@dataclass(slots=True)
class Peers:
    """Tells the other pullers what is news here, and listens to them."""

    node: NodeName
    hints: Hints
    publish: Callable[[bytes], None]
    hears_itself: Callable[[], bool]  # whether our own Pub/Sub works
    _told: dict[ModelName, float] = field(default_factory=dict)
    _waiting: set[ModelName] = field(default_factory=set)

    def tell(self, model: ModelName) -> None:
        """Send a hint about the model: at once, and once more for all that follows within a second."""
        now = asyncio.get_running_loop().time()
        wait_seconds = self._told.get(model, now - PEER_SECONDS) + PEER_SECONDS - now
        if wait_seconds <= 0:
            self._send(model)
        elif model not in self._waiting:
            self._waiting.add(model)
            asyncio.get_running_loop().call_later(wait_seconds, self._send, model)

    def receive(self, data: bytes) -> None:
        """Take a peer's hint; ValueError where it is none."""
        heard = hint.parse(data)
        is_known = self.hears_itself() and self._is_own_news(heard.model)
        if heard.node != self.node and not is_known:
            self.hints.look_at(heard.model)

    def _is_own_news(self, model: ModelName) -> bool:
        now = asyncio.get_running_loop().time()
        return now - self._told.get(model, now - OWN_NEWS_SECONDS) < OWN_NEWS_SECONDS

    def _send(self, model: ModelName) -> None:
        self._waiting.discard(model)
        self._told.pop(model, None)
        self._told[model] = asyncio.get_running_loop().time()
        if len(self._told) > KEYS:
            del self._told[next(iter(self._told))]
        self.publish(Hint(node=self.node, model=model).model_dump_json().encode())
