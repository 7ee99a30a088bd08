"""What a message means: a Pub/Sub message or a peer's word becomes a hint, or is counted and forgotten.

Nothing here decides anything: a hint is a place to look. Other nodes are told of what is news here, so that a node
whose own Pub/Sub is away learns of it too.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from events import hint, notification
from events.hint import Hint
from events.messages import Event, NotificationReceived
from events.names import MANIFEST_NAME, Ignored, ModelName, NodeName, ObjectPath, Version
from events.notification import Notification, Unparseable
from puller.notifications.deduplication import KEYS, Recent
from puller.notifications.hints import Hints
from service import logs, metrics

log = logs.get("puller.intake")

QUIET_SECONDS = 30.0  # after which an upload is over, as far as the history is concerned
PEER_SECONDS = 1.0  # between two hints to the peers about one model
OWN_NEWS_SECONDS = 10.0  # for so long a peer's word about a model adds nothing to our own notification


@dataclass(slots=True)
class _Upload:
    heard_at: float
    untold: NotificationReceived | None = None


@dataclass(slots=True)
class Uploads:
    """Tells the history of an upload's first object, its manifest, and its last object once no more have come.

    So an upload of hours and thousands of files is two or three events at a node (issue 12).
    """

    emit: Callable[[Event], None]
    monotonic: Callable[[], float]
    later: Callable[[float, Callable[[], None]], object]  # calls after so many seconds
    _open: dict[tuple[ModelName, Version], _Upload] = field(default_factory=dict)

    def hear(self, event: NotificationReceived, *, may_be_last: bool) -> None:
        """Take what was heard of one object."""
        key = (event.model, event.version)
        before = self._open.get(key)
        is_told = before is None or may_be_last
        if is_told:
            self.emit(event)
        if before is None and len(self._open) >= KEYS:
            return
        self._open[key] = _Upload(self.monotonic(), None if is_told else event)
        if before is None:
            self.later(QUIET_SECONDS, partial(self._close, key))

    def _close(self, key: tuple[ModelName, Version]) -> None:
        upload = self._open[key]
        left_seconds = upload.heard_at + QUIET_SECONDS - self.monotonic()
        if left_seconds > 0:
            self.later(left_seconds, partial(self._close, key))
            return
        del self._open[key]
        if upload.untold:
            self.emit(upload.untold)


@dataclass(slots=True)
class NotificationHandler:
    """Takes Pub/Sub's messages, on the event loop."""

    bucket: str
    prefix: str
    hints: Hints
    uploads: Uploads
    tell_peers: Callable[[ModelName], None]
    unparseable: Counter[str] = field(default_factory=Counter)  # reason -> messages
    _recent: Recent = field(default_factory=Recent)

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
        event = NotificationReceived(
            model=place.model,
            version=place.version,
            object_name=heard.object_name,
            generation=heard.generation,
            event_time=heard.event_time,
        )
        self.uploads.hear(event, may_be_last=may_be_last)


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
