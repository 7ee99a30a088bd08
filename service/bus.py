"""NATS, as the services use it: everything here works, or waits, while NATS is away.

The connection is made anew after each loss, with all subscriptions and watches, instead of being repaired by the
client: a watch that starts from nothing shows the whole truth, and nothing sent long ago is delivered late. What is
watched and what is sent goes on side by side, and each says by itself whether it works (`service/jobs.py`).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from events import cloudevents, messages, subjects
from events.status import Connection
from service import consumers, jetstream, logs, metrics, micro, sign_in, watch
from service.consumers import Attempt
from service.errors import Transient
from service.jobs import Job
from service.micro import Offer
from service.sending import KeptValues, OutboundEvent, Outbox
from service.settings import Settings
from service.tasks import until
from service.watch import Check, Follow, Snapshot, Watched, anything

log = logs.get("service.bus")

CONNECT_SECONDS = 2.0
REPLY_SECONDS = 5.0
LAST_WORD_SECONDS = 1
RETRY_SECONDS = 0.5
PING_SECONDS, UNANSWERED_PINGS = 5, 2  # a server that lost its power closes no connection: given up after 15 s
FORBIDDEN = "permissions violation"  # as nats-server says it

KEPT = {subjects.STATUS_BUCKET: "sending the report", subjects.PRESENCE_BUCKET: "sending signs of life"}

Receive = Callable[[bytes], None]
Make = Callable[[Client, Watched, Job], Attempt]


class Bus:
    """One service's connection to NATS. Register with `subscribe` and `watch`, then `run`."""

    def __init__(self, settings: Settings, service: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        """Keep what was given; `on_change` is called when the connection comes or goes, or fails for another reason."""
        self._settings = settings
        self._on_change = on_change
        self._jobs: list[Job] = []
        self._source = cloudevents.Source(node=settings.node, service=service)
        self._outbox = Outbox(self._job("sending events"))
        self._kept = {bucket: KeptValues(bucket, self._job(what)) for bucket, what in KEPT.items()}
        self._subscriptions: list[tuple[str, Receive]] = []
        self._watches: list[tuple[Job, Make, Watched]] = []
        self._offers: list[Offer] = []
        self._client: Client | None = None
        self._forbidden: set[str] = set()
        self._last_word: tuple[str, bytes] | None = None
        first = f"waiting for the first answer of NATS at {sign_in.shown(settings.nats_url)}"
        self.connection = Connection(is_connected=False, since=datetime.now(UTC), reason=first)

    def subscribe(self, subject: str, receive: Receive) -> None:
        """Have each message on a subject given to `receive`; before `run`."""
        self._subscriptions.append((subject, receive))

    def watch(self, bucket: str, show: Snapshot, *, check: Check = anything) -> None:
        """Have the whole content of a KV bucket given to `show`, at first and on every change; before `run`.

        In the place of a value that does not pass the check comes the newest one before it that does.
        """
        job = self._job(f"watching {bucket}")
        consumer = subjects.consumer(self._source.node, self._source.service)
        watched = Watched(bucket, consumer, lambda: watch.whole(show), check)
        self._watches.append((job, consumers.watcher, watched))

    def follow(self, bucket: str, begin: Callable[[], Follow], *, check: Check = anything) -> None:
        """Have each entry of a KV bucket given to what `begin` returns, which is called anew after each loss of NATS.

        For buckets too big to be shown whole again and again; before `run`. The check is that of `watch`.
        """
        consumer = f"{subjects.consumer(self._source.node, self._source.service)}-{uuid4().hex[:8]}"
        watched = Watched(bucket, consumer, begin, check)
        self._watches.append((self._job(f"following {bucket}"), consumers.follower, watched))

    def answer(self, offer: Offer) -> None:
        """Answer these admin commands; before `run`."""
        self._offers.append(offer)

    def at_end(self, subject: str, data: bytes) -> None:
        """Have this said as the last word, where NATS is there when the service ends."""
        self._last_word = (subject, data)

    def client(self) -> Client:
        """Return the connection as it is now, for a request; `Transient` where NATS is away."""
        if self._client is None or not self._client.is_connected:
            raise Transient(f"NATS is away: {self.connection.reason or 'the connection was lost just now'}")
        return self._client

    def emit(self, event: messages.Event) -> None:
        """Queue an event; where NATS is away for so long that the outbox is full, the oldest is dropped and counted."""
        event_id = uuid4().hex
        self._outbox.add(OutboundEvent(*self.envelope(event, event_id=event_id), event_id))

    def envelope(self, event: messages.Event, *, event_id: str) -> tuple[str, bytes]:
        """Write an event, as this service says it now: its subject and its bytes."""
        data = cloudevents.render(event, source=self._source, event_id=event_id, time=datetime.now(UTC))
        return subjects.event(self._source.node, self._source.service, event.type, messages.about(event)), data

    def publish(self, subject: str, data: bytes) -> None:
        """Send a hint now, or never: while NATS is away it is dropped."""
        if self._client and self._client.is_connected:
            task = asyncio.ensure_future(self._client.publish(subject, data))
            task.add_done_callback(_forget)

    def keep(self, bucket: str, key: str, value: bytes) -> None:
        """Have a key hold this value; only the newest is sent where several wait."""
        self._kept[bucket].keep(key, value)

    @property
    def problems(self) -> tuple[str, ...]:
        """What fails though NATS is connected, a sentence each."""
        return tuple(job.problem for job in self._jobs if job.reason) if self.connection.is_connected else ()

    @property
    def deaf_since(self) -> datetime | None:
        """Since when a watch or an own report fails though NATS is connected: what is known of others gets old."""
        failing = [job.since for job in self._jobs if job.reason and job is not self._outbox.job]
        return min(failing) if failing and self.connection.is_connected else None

    @property
    def is_idle(self) -> bool:
        """Whether all there is to send has been sent."""
        return not self._outbox and all(kept.is_sent for kept in self._kept.values())

    async def run(self) -> None:
        """Stay connected until cancelled."""
        servers = self._settings.nats_url.split(",")
        while True:
            try:
                await self._session(servers)
            except (NatsError, OSError, TimeoutError, Transient) as error:
                self._note(is_connected=False, reason=f"NATS at {sign_in.shown(servers[0])}: {_words(error)}")
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
            jobs = [self._outbox.job.persist(self._outbox.sender(stream))]
            jobs += [kept.job.persist(kept.sender(stream)) for kept in self._kept.values()]
            jobs += [job.persist(make(client, watched, job)) for job, make, watched in self._watches]
            await until(lost, [*jobs, jetstream.closed(client)])
            await on_close()
        except asyncio.CancelledError:
            await self._say_last_word(client)
            raise
        finally:
            self._client = None
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await asyncio.wait_for(client.close(), CONNECT_SECONDS)

    async def _say_last_word(self, client: Client) -> None:
        if self._last_word and client.is_connected:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await client.publish(*self._last_word)
                await client.flush(LAST_WORD_SECONDS)

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

    async def _on_error(self, error: Exception) -> None:
        """Note what the client tells beside its calls; a right that is lacking is told nowhere else, once is enough."""
        reason = _words(error)
        if FORBIDDEN not in reason or reason in self._forbidden:
            log.debug("nats client error", reason=reason)
            return
        self._forbidden.add(reason)
        log.warning("nats refuses a subject; see infra/nats for the rights of each role", reason=reason)

    def _job(self, what: str) -> Job:
        job = Job(what, on_change=self._tell)
        self._jobs.append(job)
        return job

    def _tell(self) -> None:
        metrics.NATS_FAILING.set(len(self.problems))
        self._on_change()

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
        self._tell()


def _receiver(subject: str, receive: Receive) -> Callable[[Msg], Awaitable[None]]:
    async def on_message(message: Msg) -> None:
        try:
            receive(message.data)
        except ValueError as error:
            metrics.BAD_MESSAGES.labels(subject=subject).inc()
            log.warning("message ignored", subject=message.subject, reason=str(error))

    return on_message


def _forget(task: "asyncio.Future[None]") -> None:
    """A hint that could not be sent is a hint lost, which changes nothing but the delay."""
    if not task.cancelled() and (error := task.exception()):
        log.debug("hint lost", reason=_words(error))


def _words(error: BaseException) -> str:
    return str(error).removeprefix("nats: ") or type(error).__name__
