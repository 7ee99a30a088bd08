"""Pub/Sub: the stream of notifications on this node's own subscription.

The stream is Google's asynchronous client's, without its retries: it would try a broken stream again with requests that
were already sent, and stay silent for ever. Here every failure ends the stream, is told, and a new stream follows. A
message is acked as soon as it is taken, for the bucket is the truth and the start looks at all of it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from random import random

import grpc
from google.api_core.exceptions import GoogleAPICallError, NotFound, PermissionDenied
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.grpc import AuthMetadataPlugin
from google.pubsub_v1 import types
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from events.subscription import ACK_SECONDS
from puller.notifications.registration import BOOTSTRAP, Names, Registered, ensure
from service import google_access, logs
from service.causes import cause
from service.connection_state import ConnectionState
from service.errors import Transient
from service.threads import Threads

log = logs.get("puller.subscription")

SCOPE = "https://www.googleapis.com/auth/pubsub"
HEARTBEAT_SECONDS = 30.0  # Pub/Sub ends a stream on which the client was silent for 60
QUIET_SECONDS = 900.0  # a stream without a message for so long is opened anew: it may have died without a word
STEADY_SECONDS = 60.0
BACKOFF_SECONDS = (0.25, 30.0)
MESSAGES_IN_FLIGHT = 500  # a response of so many costs the loop some milliseconds
FINISH_SECONDS = 1.0
PROOF_SECONDS = 5.0  # a stream that may be refused is taken for open after so long: where nothing is new, nothing comes
NO_PROXY = (("grpc.enable_http_proxy", 0),)  # none stands before an emulator


ChannelOptions = Sequence[tuple[str, int]]
Acks = asyncio.Queue[list[str] | None]  # None: no more to come


class NoSubscription:
    """Stands where no topic is configured: the bucket is polled."""

    is_wanted = False
    is_open = False

    async def run(self) -> None:
        """There is nothing to do, until the process ends."""
        await asyncio.get_running_loop().create_future()

    def renew(self, reason: str) -> None:
        """There is no stream."""


class Subscription:
    """Keeps one stream open until cancelled."""

    is_wanted = True

    def __init__(
        self,
        names: Names,
        *,
        link: ConnectionState,
        receive: Callable[[Mapping[str, str]], None],
        on_gap: Callable[[], None],
        proof_seconds: float = PROOF_SECONDS,
    ) -> None:
        """Keep what was given; `on_gap` is called when notifications may have been missed and new ones come again."""
        self._names = names
        self._link = link
        self._receive = receive
        self._on_gap = on_gap
        self._proof_seconds = proof_seconds
        self._was_refused = False
        self._deadline: asyncio.Timeout | None = None

    @property
    def is_open(self) -> bool:
        """Whether the stream is open."""
        return self._deadline is not None

    async def run(self) -> None:
        """Receive for ever; whatever goes wrong is told by the link and tried again."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                self._link.wait("signing in to Google")
                async with _connect(self._names.emulator) as client:
                    self._link.wait(f"waiting for Pub/Sub to tell of {self._names.path}")
                    await self._session(client)
            except (GoogleAPICallError, GoogleAuthError, grpc.RpcError, OSError, TimeoutError, Transient) as error:
                self._was_refused = isinstance(error, PermissionDenied)
                if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                    failures = 0  # Pub/Sub ends each stream now and then; only if the next one fails too it is away
                    continue
                self._link.down(self._sentence(error))
                failures += 1
                await asyncio.sleep(_backoff(failures))

    def renew(self, reason: str) -> None:
        """Open the stream anew: somebody has a reason to think that it died silently."""
        if self._deadline is not None:
            log.warning("stream opened anew", subscription=self._names.path, reason=reason)
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _session(self, client: SubscriberAsyncClient) -> None:
        """Receive until the stream has been quiet for long, or shall be opened anew."""
        registered = await ensure(client, self._names)
        acks: Acks = asyncio.Queue()
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream = await client.streaming_pull(requests=self._requests(acks), retry=None, timeout=None)
        pump = asyncio.ensure_future(self._pump(stream, acks, heard))
        try:
            if self._was_refused or registered is Registered.UNSEEN:
                await self._prove(pump, heard)
            if registered is Registered.MADE or not self._link.state.is_connected:
                self._on_gap()
            self._link.up()
            async with asyncio.timeout(QUIET_SECONDS) as self._deadline:
                await asyncio.shield(pump)
        except TimeoutError:
            log.debug("stream was quiet, opening it anew")
        finally:
            self._deadline = None
            await _finish(pump, acks)

    async def _prove(self, pump: "asyncio.Future[None]", heard: "asyncio.Future[None]") -> None:
        """Wait until the stream brings something, or was not refused for a while; raises what it ends with."""
        await asyncio.wait({pump, heard}, timeout=self._proof_seconds, return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            pump.result()

    async def _pump(
        self, stream: AsyncIterable[types.StreamingPullResponse], acks: Acks, heard: "asyncio.Future[None]"
    ) -> None:
        async for response in stream:
            if not heard.done():
                heard.set_result(None)
            if self._deadline is not None:
                self._deadline.reschedule(asyncio.get_running_loop().time() + QUIET_SECONDS)
            acks.put_nowait(self._take(response))

    def _take(self, response: types.StreamingPullResponse) -> list[str]:
        """Hand over the messages; the identifiers to ack."""
        messages = types.StreamingPullResponse.pb(response).received_messages
        for message in messages:
            self._receive(message.message.attributes)
        return [message.ack_id for message in messages]

    async def _requests(self, acks: Acks) -> AsyncIterator[types.StreamingPullRequest]:
        """Open the stream, then ack what was taken, and be heard of while there is nothing to ack."""
        yield types.StreamingPullRequest(
            subscription=self._names.path,
            stream_ack_deadline_seconds=ACK_SECONDS,
            max_outstanding_messages=MESSAGES_IN_FLIGHT,
        )
        while True:
            ack_ids: list[str] | None = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    ack_ids = await acks.get()
            if ack_ids is None:
                return
            yield types.StreamingPullRequest(ack_ids=ack_ids)

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, Transient):
            return str(error)
        if isinstance(error, GoogleAuthError):
            return f"cannot sign in to Pub/Sub: {cause(error)}"
        path = self._names.path
        if isinstance(error, PermissionDenied):
            return f"this account may not receive from {path}: {cause(error)}; give it roles/pubsub.subscriber there"
        if isinstance(error, NotFound):
            return f"{path} does not exist: {cause(error)}; where this account may not make it, {BOOTSTRAP}"
        return f"Pub/Sub, subscription {path}: {cause(error)}"


@contextlib.asynccontextmanager
async def _connect(emulator: str) -> AsyncIterator[SubscriberAsyncClient]:
    if emulator:
        channel = grpc.aio.insecure_channel(emulator, options=NO_PROXY)
        transport = SubscriberGrpcAsyncIOTransport(channel=channel)
    else:
        credentials = await Threads(1).run(_sign_in)
        transport = SubscriberGrpcAsyncIOTransport(credentials=credentials, channel=_channel)
    async with SubscriberAsyncClient(transport=transport) as client:
        yield client


def _sign_in() -> Credentials:
    """Get a token before the first call: of one that fails inside gRPC only a time-out is told. Blocking."""
    credentials = google_access.credentials([SCOPE])
    credentials.refresh(google_access.TimedRequest())  # type: ignore[no-untyped-call] # google-auth is partly typed
    return credentials


def _channel(host: str, *, credentials: Credentials, options: ChannelOptions, **_: object) -> grpc.aio.Channel:
    """Do as Google's client does, with a sign-in that ends when somebody still waits for it."""
    plugin = AuthMetadataPlugin(  # type: ignore[no-untyped-call] # google-auth is partly typed
        credentials, google_access.TimedRequest()
    )
    secure = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), grpc.metadata_call_credentials(plugin))
    return grpc.aio.secure_channel(host, secure, options=options)


async def _finish(pump: "asyncio.Future[None]", acks: Acks) -> None:
    """End a stream by saying so: the last acks go out, and the server does not go on sending to nobody.

    (Google's emulator never notices a cancelled stream, and loses what it sends there.)
    """
    acks.put_nowait(None)
    await asyncio.wait({pump}, timeout=FINISH_SECONDS)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


def _backoff(failures: int) -> float:
    """Double with each failure; less up to a half at random, so that nodes do not march in step."""
    least_seconds, most_seconds = BACKOFF_SECONDS
    return min(most_seconds, least_seconds * 2.0 ** min(failures, 20)) * (1 - 0.5 * random())  # noqa: S311 - jitter
