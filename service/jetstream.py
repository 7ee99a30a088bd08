"""What we keep in JetStream, making it where it is missing, and what its client's errors mean.

Existing streams and buckets are taken as they are: an operator's choice of limits and replicas is not ours to change.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError, NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, BucketNotFoundError, NoStreamResponseError, NotFoundError, ServiceUnavailableError
from nats.js.kv import KeyValue

from events import subjects
from service.errors import Transient
from service.streams import STREAMS

PRESENCE_SECONDS = 10.0  # the heartbeat: a service that shows no sign of life for so long is lost
CLOSED_SECONDS = 0.5

NO_ANSWER = "NATS answers, JetStream does not: is it turned on, and does a majority of its servers run?"
NO_REPLY = "JetStream gave no answer in time"
# What JetStream says of a limit, by its code, and where the limit is set.
_ADVICE: Mapping[int, str] = {
    10002: "raise the account's limits",
    10023: "raise max_file_store or max_memory_store in the jetstream block of nats-server's configuration",
    10026: "raise default_max_consumers in the jetstream block of nats-server's configuration (docs/nats.md)",
    10028: "raise max_memory_store in the jetstream block of nats-server's configuration",
    10054: "raise max_msg_size of the stream to what this release makes it with (service/streams.py)",
    10047: "raise max_file_store in the jetstream block of nats-server's configuration, or free its disk",
    10077: "the stream is full: raise its max_bytes, or free the disk of nats-server",
}
TOO_BIG = 10054
_UNAVAILABLE = frozenset({10008, 10039, 10076})  # no majority, not turned on for this account, not turned on


@dataclass(frozen=True, slots=True)
class State:
    """What a stream holds: how many subjects, and the number of its newest message."""

    subjects: int
    last: int


async def ensure_streams(jetstream: JetStreamContext, *, is_node: bool = False) -> None:
    """Make the streams of events and of the audit where they are missing.

    A node may ask of that of events alone, and where that is there, asks no more: the audit is the masters'.
    """
    if is_node and await _is_there(jetstream, subjects.EVENT_STREAM):
        return
    for name in (subjects.AUDIT_STREAM, subjects.EVENT_STREAM):
        await ensure_stream(jetstream, name)


async def ensure_stream(jetstream: JetStreamContext, name: str, *, replicas: int = 1) -> None:
    """Make a stream where it is missing, kept by so many servers."""
    if not await _is_there(jetstream, name):
        await jetstream.add_stream(replace(STREAMS[name], num_replicas=replicas))


async def _is_there(jetstream: JetStreamContext, name: str) -> bool:
    try:
        await jetstream.stream_info(name)
    except NotFoundError:
        return False
    return True


async def bucket(jetstream: JetStreamContext, name: str, *, replicas: int = 1) -> KeyValue:
    """Open a KV bucket, made where it is missing, kept by so many servers."""
    try:
        return await jetstream.key_value(name)
    except BucketNotFoundError:
        await jetstream.add_stream(replace(STREAMS[f"KV_{name}"], num_replicas=replicas))
        return await jetstream.key_value(name)


async def put(jetstream: JetStreamContext, name: str, key: str, value: bytes) -> None:
    """Have a key of a bucket hold a value; the bucket is made where it is missing."""
    subject = f"$KV.{name}.{key}"
    try:
        await jetstream.publish(subject, value)
    except NoStreamResponseError:
        await bucket(jetstream, name)
        await jetstream.publish(subject, value)


async def state(client: Client, stream: str, *, seconds: float) -> State:
    """Tell what a stream holds."""
    try:
        answer = json.loads((await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=seconds)).data)
    except NoRespondersError as error:
        raise ServiceUnavailableError from error
    if "error" in answer:
        raise APIError.from_error(answer["error"])
    return State(subjects=answer["state"].get("num_subjects", 0), last=answer["state"]["last_seq"])


async def revisions(jetstream: JetStreamContext, name: str, key: str) -> AsyncIterator[RawStreamMsg]:
    """Give the revisions of a key that a bucket still has, oldest first; without a consumer, which nodes may not make.

    Each is asked for alone: no more are kept than a few dozen.
    """
    seq = 1
    while True:
        try:
            found = await jetstream.get_msg(f"KV_{name}", seq=seq, subject=f"$KV.{name}.{key}", next=True)
        except NotFoundError:
            return
        yield found
        seq = (found.seq or seq) + 1


async def closed(client: Client) -> None:
    """Wait until the client has given up. It calls nobody back where bytes are left that it cannot send."""
    while not client.is_closed:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(CLOSED_SECONDS)


def is_too_big(error: Exception) -> bool:
    """Tell whether a message was refused for its size: it will be refused again, however often it is sent."""
    return isinstance(error, MaxPayloadError) or (isinstance(error, APIError) and error.err_code == TOO_BIG)


def is_unavailable(error: BaseException) -> bool:
    """Tell whether JetStream as a whole gave no answer, while NATS may be well."""
    if isinstance(error, APIError) and error.err_code is not None:
        return error.err_code in _UNAVAILABLE
    return isinstance(error, ServiceUnavailableError | NoStreamResponseError | NoRespondersError)


def words(error: BaseException) -> str:
    """Say what JetStream's client means, and what can be done where that is known."""
    if is_unavailable(error):
        return NO_ANSWER
    if isinstance(error, TimeoutError):
        return NO_REPLY
    if not isinstance(error, APIError):
        return str(error).removeprefix("nats: ") or type(error).__name__
    said = error.description or f"error {error.err_code or error.code}"
    advice = _ADVICE.get(error.err_code or 0)
    return f"{said}; {advice}" if advice else said


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Say of a request that failed what was asked; it may be asked again."""
    try:
        yield
    except (NatsError, OSError, TimeoutError) as error:
        raise Transient(f"NATS did not {what}: {words(error)}; try again") from error
