"""What the bucket proxy makes of an answer."""

import pytest

from infra.local.faults.bucket_proxy import Pause, Reset, examine, rewrite, shape
from infra.local.faults.mischief import BucketFaults, Fate
from infra.local.faults.wire import Answer, Request

BODY = bytes(range(200))
ANSWER = Answer(200, ((b"X-Goog-Generation", b"7"), (b"Transfer-Encoding", b"chunked")), BODY)
FAULTS = BucketFaults(stall_seconds=3.0, drip_seconds=1.0, retry_after_seconds=9)


def sent(kind: str) -> tuple[bytes, bytes, list[object]]:
    """Head and body as they are sent, and what else is done."""
    actions = list(shape(ANSWER, Fate(kind, 0.5, 503) if kind else None, FAULTS))
    data = b"".join(action for action in actions if isinstance(action, bytes))
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body, [action for action in actions if not isinstance(action, bytes)]


def test_an_answer_without_fault_is_passed_on_whole() -> None:
    """With the server's own headers, and a length in the place of chunks."""
    head, body, others = sent("")
    assert (body, others) == (BODY, [])
    assert b"X-Goog-Generation: 7" in head
    assert b"Content-Length: 200" in head
    assert b"chunked" not in head


@pytest.mark.parametrize(("kind", "other"), [("truncate", []), ("reset", [Reset]), ("stall", [Pause])])
def test_an_answer_ends_in_the_middle(kind: str, other: list[type]) -> None:
    """The length says more than comes."""
    head, body, others = sent(kind)
    assert b"Content-Length: 200" in head
    assert (body, [type(one) for one in others]) == (BODY[:100], other)


def test_a_wrong_length_is_consistent() -> None:
    """Only what was asked for can tell that it is too short."""
    head, body, _ = sent("wrong_length")
    assert b"Content-Length: 100" in head
    assert body == BODY[:100]


def test_one_bit_is_flipped() -> None:
    """All else is as it was."""
    _, body, _ = sent("flip")
    assert [at for at in range(200) if body[at] != BODY[at]] == [100]


def test_a_drip_brings_everything_slowly() -> None:
    """Over the seconds that were asked for."""
    _, body, others = sent("drip")
    assert body == BODY
    assert sum(one.seconds for one in others if isinstance(one, Pause)) == pytest.approx(1.0)


def test_an_error_says_when_to_come_back() -> None:
    """As Cloud Storage does."""
    head, _, _ = sent("error")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 9" in head


@pytest.mark.parametrize(
    ("target", "is_list", "is_media"),
    [
        ("/storage/v1/b/models/o?prefix=m%2F&pageToken=x", True, False),
        ("/download/storage/v1/b/models/o/m%2F1%2Ff?alt=media&generation=3", False, True),
        ("/storage/v1/b/models/o/m%2F1%2Ff?alt=media", False, True),
        ("/storage/v1/b/models/o/m%2F1%2Ff", False, False),
        ("/models/m/1/f?generation=3", False, True),
    ],
)
def test_requests_are_told_apart(target: str, *, is_list: bool, is_media: bool) -> None:
    """Lists, bytes of objects, and the rest."""
    ask = examine(Request("GET", target))
    assert (ask.is_list, ask.is_media) == (is_list, is_media)
    assert ask.has_token == ("pageToken" in target)


@pytest.mark.parametrize(
    "target", ["/download/storage/v1/b/models/o/m%2F1%2Ff%20g?alt=media", "/models/m/1/f%20g?generation=3"]
)
def test_an_object_is_written_anew_onto_itself(target: str) -> None:
    """Through either way of reading it."""
    place = "/b/models/o/m%2F1%2Ff%20g"
    assert rewrite(Request("GET", target)).target == f"/storage/v1{place}/rewriteTo{place}"
