"""What a neighbour may ask, read from the bytes of a request's head. Pure; anything else is refused with a reason.

    GET /v1/MODEL/VERSION/FINGERPRINT[?after=N]       which units are here; waits a moment while there are N
    GET /v1/MODEL/VERSION/FINGERPRINT/FILE            bytes of a file, with `Range: bytes=FIRST-LAST`

An answer with one whole piece of a file that has no SHA-256 says the piece's CRC32C, as eight hexadecimal digits.
The fingerprint is the version's, as in its receipt: names, sizes and CRC32C of all files.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from events.names import BadName, FileName, ModelName, Version

CRC_HEADER: Final = "X-CRC32C"
MAX_HEAD_BYTES: Final = 8192
MAX_HEADERS: Final = 32
_LINE = re.compile(rb"GET (/v1/[!-~]{1,4096}) HTTP/1\.1", re.ASCII)
_HEADER = re.compile(rb"([A-Za-z0-9-]{1,64}):[ \t]*([ -~]{0,1024})", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
_AFTER = re.compile(r"after=(\d{1,9})", re.ASCII)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_BODY = frozenset({"content-length", "transfer-encoding", "expect", "upgrade"})


@dataclass(frozen=True, slots=True)
class Place:
    """A version's bytes, as nodes name them to each other."""

    model: ModelName
    version: Version
    key: str

    @property
    def target(self) -> str:
        """Where a request for them goes."""
        return f"/v1/{self.model}/{self.version}/{self.key}"

    def file(self, name: FileName) -> str:
        """Where a request for a file goes."""
        return f"{self.target}/{quote(name)}"


@dataclass(frozen=True, slots=True)
class AskWord:
    """Which units are here? The answer may wait a moment while there are `after`."""

    place: Place
    after: int | None


@dataclass(frozen=True, slots=True)
class AskBytes:
    """The bytes [start, end) of a file."""

    place: Place
    name: FileName
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what it is signed with."""

    asks: AskWord | AskBytes
    target: str
    range_header: str
    authorization: str


class BadRequest(ValueError):
    """What a neighbour would not have sent."""


def parse(head: bytes) -> Request:
    """Read a request's head, up to its empty line; `BadRequest` says what is wrong with it."""
    line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    if not (found := _LINE.fullmatch(line)):
        raise BadRequest("only GET of /v1/MODEL/VERSION/FINGERPRINT and of files below it is answered, by HTTP/1.1")
    headers = _headers(lines)
    target, range_header = found[1].decode(), headers.get("range", "")
    return Request(_asks(target, range_header), target, range_header, headers.get("authorization", ""))


def _headers(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_HEADERS:
        raise BadRequest(f"more than {MAX_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        if not (found := _HEADER.fullmatch(line)):
            raise BadRequest("a line of the head is no header")
        name = found[1].decode().lower()
        if name in headers or name in _BODY:
            raise BadRequest("a header stands twice, or announces a body")
        headers[name] = found[2].decode().strip()
    return headers


def _asks(target: str, range_header: str) -> AskWord | AskBytes:
    path, mark, query = target.partition("?")
    _, _, model, version, key, *names = [_unquoted(part) for part in path.split("/")] + [""] * (5 - path.count("/") - 1)
    if not _KEY.fullmatch(key):
        raise BadRequest("the fingerprint of a version has 64 hexadecimal digits")
    try:
        place = Place(ModelName.parse(model), Version.parse(version), key)
        name = FileName.parse("/".join(names)) if names else None
    except BadName as error:
        raise BadRequest(str(error)) from error
    if name is None:
        return AskWord(place, _after(mark + query))
    if mark or not (found := _RANGE.fullmatch(range_header)) or int(found[2]) < int(found[1]):
        raise BadRequest("bytes of a file are asked for with Range: bytes=FIRST-LAST")
    return AskBytes(place, name, int(found[1]), int(found[2]) + 1)


def _after(query: str) -> int | None:
    if not query:
        return None
    if not (found := _AFTER.fullmatch(query.removeprefix("?"))):
        raise BadRequest("?after=N is all that can be asked besides")
    return int(found[1])


def _unquoted(part: str) -> str:
    """Undo what `quote` did to a part of a path; a slash that was hidden in it counts as wrong."""
    if _ESCAPE.search(part):
        raise BadRequest("a percent sign that hides nothing")
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("a name that is no UTF-8") from error
    if "/" in text:
        raise BadRequest("a name with a slash in it")
    return text
