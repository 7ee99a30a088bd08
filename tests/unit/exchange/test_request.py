"""What a neighbour may ask: read strictly, and nothing else is."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.names import FileName, ModelName, Version
from puller.exchange import request, signing
from puller.exchange.request import AskBytes, AskWord, BadRequest, Place

PLACE = Place(ModelName("line"), Version(7), "0" * 64)
SECRET = "a secret of the site"


@given(
    name=st.from_regex(r"[^/\x00-\x1f\x7f\\]{1,20}(/[^/\x00-\x1f\x7f\\]{1,20}){0,3}", fullmatch=True),
    start=st.integers(0, 2**40),
    size=st.integers(1, 2**30),
)
def test_a_file_is_read_as_it_was_asked_for(name: str, start: int, size: int) -> None:
    """Every name that a file of a version can have comes through."""
    try:
        file = FileName.parse(name)
    except ValueError:
        return
    target = PLACE.file(file)
    if len(target) > 4000:
        return
    head = f"GET {target} HTTP/1.1\r\nHost: a\r\nRange: bytes={start}-{start + size - 1}\r\n\r\n".encode()
    assert request.parse(head).asks == AskBytes(PLACE, file, start, start + size)


def test_a_word_is_asked_for() -> None:
    """A question for units may say how many the asker knows of."""
    assert request.parse(f"GET {PLACE.target} HTTP/1.1\r\n\r\n".encode()).asks == AskWord(PLACE, None)
    assert request.parse(f"GET {PLACE.target}?after=12 HTTP/1.1\r\n\r\n".encode()).asks == AskWord(PLACE, 12)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1/line",
        "/v1/line/7",
        "/v1/line/7/abc",
        f"/v1/line/07/{'0' * 64}",
        f"/v1/../7/{'0' * 64}",
        f"/v1/.model-manager/7/{'0' * 64}",
        f"{PLACE.target}/../../8/saved_model.pb",
        f"{PLACE.target}/%2e%2e/saved_model.pb",
        f"{PLACE.target}/a%2Fb",
        f"{PLACE.target}/a%00b",
        f"{PLACE.target}/a%5Cb",
        f"{PLACE.target}/a%",
        f"{PLACE.target}/%ff",
        f"{PLACE.target}//etc/passwd",
        f"{PLACE.target}/a?after=1",
        f"{PLACE.target}?after=-1",
        f"{PLACE.target}?other=1",
    ],
)
def test_other_places_are_refused(target: str) -> None:
    """Nothing outside a version's own folder has a name."""
    with pytest.raises(BadRequest):
        request.parse(f"GET {target} HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n".encode())


@pytest.mark.parametrize(
    "lines",
    [
        "POST / HTTP/1.1",
        f"GET {PLACE.target} HTTP/1.0",
        f"GET {PLACE.target}  HTTP/1.1",
        f"GET {PLACE.target} HTTP/1.1\r\nContent-Length: 3",
        f"GET {PLACE.target} HTTP/1.1\r\nTransfer-Encoding: chunked",
        f"GET {PLACE.target} HTTP/1.1\r\nRange: bytes=0-1\r\nrange: bytes=0-1",
        f"GET {PLACE.target} HTTP/1.1\r\n no header",
        f"GET {PLACE.target}/a HTTP/1.1",
        f"GET {PLACE.target}/a HTTP/1.1\r\nRange: bytes=5-4",
        f"GET {PLACE.target}/a HTTP/1.1\r\nRange: bytes=0-1,4-5",
        f"GET {PLACE.target} HTTP/1.1" + "".join(f"\r\nA{number}: x" for number in range(99)),
    ],
)
def test_other_requests_are_refused(lines: str) -> None:
    """One kind of request exists."""
    with pytest.raises(BadRequest):
        request.parse(f"{lines}\r\n\r\n".encode())


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: f"GET /v1/{text} HTTP/1.1".encode())))
def test_rubbish_is_refused(head: bytes) -> None:
    """Whatever bytes come, the answer is a request or a sentence."""
    with contextlib.suppress(BadRequest):
        assert isinstance(request.parse(head + b"\r\n\r\n").asks, AskWord | AskBytes)


def test_signature() -> None:
    """A request counts with the site's secret, for its own target and range, within a few minutes."""
    signed = signing.sign(SECRET, "/v1/a", "bytes=0-1", at=1000)
    assert not signing.problem(SECRET, signed, "/v1/a", "bytes=0-1", now=1010.5)
    assert not signing.problem("", "", "/v1/a", "", now=0)
    assert "differs" in signing.problem("another secret of it", signed, "/v1/a", "bytes=0-1", now=1010)
    assert "differs" in signing.problem(SECRET, signed, "/v1/b", "bytes=0-1", now=1010)
    assert "differs" in signing.problem(SECRET, signed, "/v1/a", "bytes=0-9", now=1010)
    assert "clocks" in signing.problem(SECRET, signed, "/v1/a", "bytes=0-1", now=1301)


@given(st.text(max_size=100))
def test_no_signature(authorization: str) -> None:
    """Whatever else is said in the place of a signature is none."""
    assert signing.problem(SECRET, authorization, "/v1/a", "", now=0)
    assert signing.problem(SECRET, f"MM1 {authorization}", "/v1/a", "", now=0)
