"""The bucket proxy: passes requests on to a GCS server, and spoils some of the answers.

    STORAGE_EMULATOR_HOST=http://127.0.0.1:PORT python -m puller

What befalls a request is decided in `mischief`; what that means for the bytes of its answer is `shape`, a pure
function: pieces to send, pauses, and whether the connection ends by a reset.
"""

import asyncio
import json
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import h11

from infra.local.faults.mischief import Ask, BucketFaults, Fate, decide
from infra.local.faults.wire import Answer, Request, fetch, read_request

OLD_ANSWERS: Final = 8  # of one list: the oldest of them is what a stale one shows
TARGETS: Final = 2000  # remembered at once
DRIP_PIECES: Final = 10


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so long."""

    seconds: float


class Reset:
    """The connection is reset, and nothing follows."""


Action = bytes | Pause | Reset


def shape(answer: Answer, fate: Fate | None, faults: BucketFaults) -> Iterator[Action]:  # noqa: C901, PLR0911 - a table
    """Turn an answer into what is really sent."""
    body, head = answer.body, answer.head(length=len(answer.body))
    if fate is None:
        return iter((head, body))
    cut = int(fate.at * len(body))
    match fate.kind:
        case "error":
            return _refusal(fate.code, faults)
        case "reset":
            return iter((head, body[:cut], Reset()))
        case "stall":
            return iter((head, body[:cut], Pause(faults.stall_seconds)))
        case "truncate":
            return iter((head, body[:cut]))
        case "wrong_length":
            return iter((answer.head(length=cut), body[:cut]))
        case "flip" if body and answer.status < 300:
            return iter((head, _flip(body, min(cut, len(body) - 1))))
        case "drip":
            return _drip(head, body, faults)
        case _:
            return iter((head, body))


def examine(request: Request) -> Ask:
    """Tell what kind of request this is."""
    parts = urlsplit(request.target)
    query = dict(parse_qsl(parts.query))
    is_read = request.method == "GET"
    is_json = parts.path.startswith("/storage/v1/")
    is_list = is_read and is_json and parts.path.endswith("/o")
    is_media = is_read and not is_list and (query.get("alt") == "media" or not is_json)
    target = f"{request.method} {parts.path}?{urlencode([pair for pair in query.items() if pair[0] != 'pageToken'])}"
    return Ask(target, is_list=is_list, is_media=is_media, has_token="pageToken" in query)


class BucketProxy:
    """One proxy; its faults may be changed at any time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._times: Counter[str] = Counter()
        self._old: OrderedDict[str, deque[Answer]] = OrderedDict()
        self.faults = BucketFaults()
        self.tally: Counter[str] = Counter()

    def misbehave(self, faults: BucketFaults) -> None:
        """Apply these faults from now on; the tally begins anew."""
        self.faults = faults
        self.tally.clear()
        self._times.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request."""
        try:
            if request := await read_request(reader, writer):
                await self._answer(request, writer)
        except (OSError, h11.ProtocolError):
            self.tally["broken connections"] += 1  # the client left, or the server behind is away: as it happens
            writer.transport.abort()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        faults, ask = self.faults, examine(request)
        self._times[ask.target] += 1
        fate = decide(faults, ask, nth=self._times[ask.target])
        self.tally["requests"] += 1
        if fate:
            self.tally[fate.kind] += 1
        answer = await self._ask_behind(request, ask, fate)
        for action in shape(answer, fate, faults):
            match action:
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)
                case Reset():
                    writer.transport.abort()
                case bytes():
                    writer.write(action)
                    await writer.drain()

    async def _ask_behind(self, request: Request, ask: Ask, fate: Fate | None) -> Answer:
        kind = fate.kind if fate else ""
        if kind == "error":
            return Answer(503)  # the server is not even asked
        if kind == "expire":
            return _json_error(400, "Invalid page token: it has expired.")
        if kind == "replace":
            await fetch(rewrite(request), host=self._host, port=self._port)
        if not ask.is_list:
            return await fetch(request, host=self._host, port=self._port)
        answer = await fetch(_with_pages(request, self.faults.page), host=self._host, port=self._port)
        return self._remember(request.target, answer, is_stale=kind == "stale")

    def _remember(self, target: str, answer: Answer, *, is_stale: bool) -> Answer:
        """Keep the answer to a list; the oldest one that is kept where a stale one is asked for."""
        kept = self._old.setdefault(target, deque(maxlen=OLD_ANSWERS))
        self._old.move_to_end(target)
        if answer.status == 200:
            kept.append(answer)
        if len(self._old) > TARGETS:
            self._old.popitem(last=False)
        return kept[0] if is_stale and kept else answer


def rewrite(request: Request) -> Request:
    """Have the object of a request for its bytes written anew, as it is."""
    path = urlsplit(request.target).path
    if "/b/" in path:
        bucket, _, name = path.partition("/b/")[2].partition("/o/")
    else:
        bucket, _, name = path.lstrip("/").partition("/")
    place = f"/b/{bucket}/o/{quote(unquote(name), safe='')}"
    return Request("POST", f"/storage/v1{place}/rewriteTo{place}", ((b"Content-Type", b"application/json"),), b"{}")


def _with_pages(request: Request, page: int) -> Request:
    if not page:
        return request
    parts = urlsplit(request.target)
    query = {**dict(parse_qsl(parts.query)), "maxResults": str(page)}
    return replace(request, target=f"{parts.path}?{urlencode(query)}")


def _flip(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _drip(head: bytes, body: bytes, faults: BucketFaults) -> Iterator[Action]:
    yield head
    step = max(1, len(body) // DRIP_PIECES)
    for start in range(0, len(body), step):
        yield from (body[start : start + step], Pause(faults.drip_seconds / DRIP_PIECES))


def _refusal(code: int, faults: BucketFaults) -> Iterator[Action]:
    refused = _json_error(code, "A fault that was asked for.")
    headers = (*refused.headers, (b"Retry-After", str(faults.retry_after_seconds).encode()))
    yield from (replace(refused, headers=headers).head(length=len(refused.body)), refused.body)


def _json_error(code: int, words: str) -> Answer:
    body = json.dumps({"error": {"code": code, "message": words}}).encode()
    return Answer(code, ((b"Content-Type", b"application/json"),), body)
