"""The answers to a command, however many come and whatever is in them."""

import json
import tracemalloc

import pytest

from events.commands import MAX_ANSWER_BYTES, Answer, Command, Status, Sync
from events.names import NodeName
from events.wording import MAX_WORDS
from master.commands.gathering import MAX_BYTES, MESSAGES_EACH, MORE_MESSAGES, Gathering

A, B = NodeName("a"), NodeName("b")
MIB = 1024 * 1024


def gather(request: Command | None = None) -> Gathering:
    return Gathering("puller", request or Sync(), (A, B))


def answered(node: str, *sentences: str) -> bytes:
    return Answer(node=NodeName(node), service="puller", is_done=True, sentences=sentences).model_dump_json().encode()


def test_answers_are_taken_from_who_was_asked() -> None:
    """An answer in the name of another than the one asked, or of none that was, is none."""
    found = gather()
    for data, node in ((answered("b"), A), (answered("c"), None), (b"{", A), (b"", None)):
        found.take(data, node)
    assert not found.found
    assert found.waiting == {A, B}
    found.take(answered("a", "looked"), A)
    found.take(answered("b"), None)
    assert not found.waiting
    assert found.found[A].sentences == ("looked",)


@pytest.mark.parametrize("values", [b'"",', b"{},", b"[],", b'{"a":1},'])
@pytest.mark.parametrize("request_", [Sync(), Status()])
def test_an_answer_of_two_megabytes_costs_little(values: bytes, request_: Command) -> None:
    """It is said that it was too big, and it is not read."""
    data = answered("a")[:-1] + b',"report":{"models":[' + values * (4_000_000 // len(values)) + b"0]}}"
    found = gather(request_)
    tracemalloc.start()
    try:
        found.take(data, A)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert not found.found[A].is_done
    assert "too big" in found.found[A].error
    found.take(data, None)
    assert found.waiting == {B}


def test_a_flood_of_answers_has_an_end() -> None:
    """A node that goes on answering pushes nobody's memory up."""
    found = gather()
    for _ in range(MESSAGES_EACH * 2 + MORE_MESSAGES):
        found.take(b"x", None)
        assert not found.is_over
    found.take(b"x", None)
    assert found.is_over
    found.take(answered("a"), A)
    assert found.waiting == {A, B}


def test_all_answers_together_have_a_bound() -> None:
    """Each may be as big as one may be, and all of them not that often."""
    data = answered("a", "x" * (MAX_ANSWER_BYTES - 1000))
    assert MAX_BYTES // len(data) < 100
    nodes = tuple(NodeName(f"n{number}") for number in range(200))
    found = Gathering("puller", Sync(), nodes)
    for node in nodes:
        found.take(data.replace(b'"a"', json.dumps(node).encode(), 1), node)
    assert found.is_over
    assert len(found.found) <= MAX_BYTES // len(data) + 1


def test_sentences_of_an_answer_are_cleaned() -> None:
    """They are printed for whoever sent the command."""
    found = gather()
    found.take(answered("a", "\x1b[2Jlooked", "x" * 5000), A)
    first, second = found.found[A].sentences
    assert first == "\\x1b[2Jlooked"
    assert len(second) == MAX_WORDS
