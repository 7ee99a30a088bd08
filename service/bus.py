"""NATS, as the services use it: everything here works, or waits, while NATS is away.

The connection is made anew after each loss, with all subscriptions and watches, instead of being repaired by the
client: a watch that starts from nothing shows the whole truth, and nothing sent long ago is delivered late. Events
wait in an outbox and go out in order, each with its id as `Nats-Msg-Id`, so that a repeated send is one message.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from events import cloudevents, messages, subjects
from events.status import Connection
from service import jetstream, logs, metrics, micro, sign_in, watch
from service.errors import Transient
from service.micro import Offer
from service.settings import Settings
from service.tasks import until
from service.watch import Check, Follow, Snapshot, anything

log = logs.get("service.bus")

OUTBOX_EVENTS = 2000
CONNECT_SECONDS = 2.0
REPLY_SECONDS = 5.0
RETRY_SECONDS = 0.5
PING_SECONDS, UNANSWERED_PINGS = 5, 2  # a server that lost its power closes no connection: given up after 15 s
FORBIDDEN = "permissions violation"  # as nats-server says it
WATCH_SECONDS = 300.0  # a watch starts anew this often: the poll that heals a watch that died silently

Receive = Callable[[bytes], None]


class Bus:
    """One service's connection to NATS. Register with `subscribe` and `watch`, then `run`."""

    def __init__(self, settings: Settings, service: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        """Keep what was given; `on_change` is called when the connection comes or goes, or fails for another reason."""
        self._settings = settings
        self._on_change = on_change
        self._source = cloudevents.Source(node=settings.node, service=service)
        self._outbox: deque[tuple[str, str, bytes]] = deque(maxlen=OUTBOX_EVENTS)
        self._kept: dict[tuple[str, str], bytes] = {}
        self._unsent: set[tuple[str, str]] = set()
        self._work = asyncio.Event()
        self._subscriptions: list[tuple[str, Receive]] = []
        self._watches: list[Callable[[Client], Callable[[], Awaitable[None]]]] = []
        self._offers: list[Offer] = []
        self._client: Client | None = None
        self._forbidden: set[str] = set()
        self.connection = Connection(is_connected=False, since=datetime.now(UTC), reason="not connected yet")

    def subscribe(self, subject: str, receive: Receive) -> None:
        """Have each message on a subject given to `receive`; before `run`."""
        self._subscriptions.append((subject, receive))

    def watch(self, bucket: str, show: Snapshot, *, check: Check = anything) -> None:
        """Have the whole content of a KV bucket given to `show`, at first and on every change; before `run`.

        In the place of a value that does not pass the check comes the newest one before it that does.
        """
        begin = partial(watch.whole, show)
        self._watches.append(partial(watch.watcher, bucket=bucket, begin=begin, seconds=WATCH_SECONDS, check=check))

    def follow(self, bucket: str, begin: Callable[[], Follow], *, check: Check = anything) -> None:
        """Have each entry of a KV bucket given to what `begin` returns, which is called anew after each loss of NATS.

        For buckets too big to be shown whole again and again; before `run`. The check is that of `watch`.
        """
        self._watches.append(partial(watch.follower, bucket=bucket, begin=begin, check=check))

    def answer(self, offer: Offer) -> None:
        """Answer these admin commands; before `run`."""
        self._offers.append(offer)

    def client(self) -> Client:
        """Return the connection as it is now, for a request; `Transient` where NATS is away."""
        if self._client is None or not self._client.is_connected:
            raise Transient(f"NATS is away: {self.connection.reason or 'the connection was lost just now'}")
        return self._client

    def emit(self, event: messages.Event, *, event_id: str = "") -> None:
        """Queue an event; where NATS is away for so long that the outbox is full, the oldest is dropped and counted.

        The stream keeps only one of events with the same id that come within two minutes.
        """
        if len(self._outbox) == OUTBOX_EVENTS:
            metrics.EVENTS_DROPPED.inc()
        event_id = event_id or uuid4().hex
        data = cloudevents.render(event, source=self._source, event_id=event_id, time=datetime.now(UTC))
        subject = subjects.event(self._source.node, self._source.service, event.type, messages.model_of(event))
        self._outbox.append((subject, event_id, data))
        self._work.set()

    def publish(self, subject: str, data: bytes) -> None:
        """Send a hint now, or never: while NATS is away it is dropped."""
        if self._client and self._client.is_connected:
            task = asyncio.ensure_future(self._client.publish(subject, data))
            task.add_done_callback(_forget)

    def keep(self, bucket: str, key: str, value: bytes) -> None:
        """Have a key hold this value; only the newest is sent where several wait."""
        self._kept[bucket, key] = value
        self._unsent.add((bucket, key))
        self._work.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        servers = self._settings.nats_url.split(",")
        while True:
            try:
                await self._session(servers)
            except (NatsError, OSError, TimeoutError, Transient) as error:
                place = servers[0].rpartition("@")[2]  # without the user and password that may stand in it
                self._note(is_connected=False, reason=f"NATS at {place}: {_words(error)}")
            servers = [*servers[1:], servers[0]]
            await asyncio.sleep(RETRY_SECONDS)

    async def _session(self, servers: list[str]) -> None:
        """Connect, work until the connection is lost, and clean up."""
        lost = asyncio.Event()

        async def on_close() -> None:
            lost.set()
            if self._client:  # else we have closed it ourselves
                self._note(is_connected=False, reason="connection lost")

        client = await nats.connect(servers[0], closed_cb=on_close, error_cb=self._on_error, **self._options())
        self._client = client
        try:
            for subject, receive in self._subscriptions:
                await client.subscribe(subject, cb=_receiver(subject, receive))
            for offer in self._offers:
                await micro.serve(client, offer)
            self._note(is_connected=True, reason="")
            stream = client.jetstream(timeout=REPLY_SECONDS)
            jobs = [_persist(lambda: self._send(stream))]
            jobs += [_persist(make(client)) for make in self._watches]
            await until(lost, [*jobs, jetstream.closed(client)])
            await on_close()
        finally:
            self._client = None
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await asyncio.wait_for(client.close(), CONNECT_SECONDS)

    def _options(self) -> dict[str, object]:
        return {
            "name": f"{self._source.service}@{self._source.node}",
            "inbox_prefix": subjects.inbox(self._source.node, self._source.service),
            "allow_reconnect": False,
            "connect_timeout": CONNECT_SECONDS,
            "ping_interval": PING_SECONDS,
            "max_outstanding_pings": UNANSWERED_PINGS,
            **sign_in.options(self._settings),
        }

    async def _send(self, stream: JetStreamContext) -> None:
        """Empty the outbox and the kept values, then wait for more."""
        await jetstream.ensure_stream(stream)
        self._unsent.update(self._kept)
        while True:
            self._work.clear()
            while self._outbox:
                subject, event_id, data = self._outbox[0]
                await stream.publish(subject, data, headers={"Nats-Msg-Id": event_id})
                metrics.EVENTS_SENT.labels(type=subjects.event_type(subject)).inc()
                if self._outbox and self._outbox[0][1] == event_id:
                    self._outbox.popleft()
            while self._unsent:
                bucket, key = place = next(iter(self._unsent))
                value = self._kept[place]
                await (await jetstream.bucket(stream, bucket)).put(key, value)
                if self._kept[place] is value:
                    self._unsent.discard(place)
            await self._work.wait()

    async def _on_error(self, error: Exception) -> None:
        """Note what the client tells beside its calls; a right that is lacking is told nowhere else, once is enough."""
        reason = _words(error)
        if FORBIDDEN not in reason or reason in self._forbidden:
            log.debug("nats client error", reason=reason)
            return
        self._forbidden.add(reason)
        log.warning("nats refuses a subject; see infra/nats for the rights of each role", reason=reason)

    def _note(self, *, is_connected: bool, reason: str) -> None:
        before = self.connection
        metrics.NATS_CONNECTED.set(is_connected)
        if (before.is_connected, before.reason) == (is_connected, reason):
            return
        since = datetime.now(UTC) if before.is_connected != is_connected else before.since
        self.connection = Connection(is_connected=is_connected, since=since, reason=reason)
        if is_connected:
            log.info("nats connected")
        else:
            log.warning("nats away; events wait, hints stop, polling goes on", reason=reason)
        self._on_change()


def _receiver(subject: str, receive: Receive) -> Callable[[Msg], Awaitable[None]]:
    async def on_message(message: Msg) -> None:
        try:
            receive(message.data)
        except ValueError as error:
            metrics.BAD_MESSAGES.labels(subject=subject).inc()
            log.warning("message ignored", subject=message.subject, reason=str(error))

    return on_message


async def _persist(job: Callable[[], Awaitable[None]]) -> None:
    """Do a job again and again while the connection lasts; one that fails waits a little first."""
    told = ""
    while True:
        try:
            await job()
        except (NatsError, OSError, TimeoutError) as error:
            if (reason := _words(error)) != told:
                log.warning("nats request failed, trying again", reason=reason)
                told = reason
            await asyncio.sleep(RETRY_SECONDS)


def _forget(task: "asyncio.Future[None]") -> None:
    """A hint that could not be sent is a hint lost, which changes nothing but the delay."""
    if not task.cancelled() and (error := task.exception()):
        log.debug("hint lost", reason=_words(error))


def _words(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__
