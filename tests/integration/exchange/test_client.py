"""What a node makes of its neighbours' answers: right bytes or a reason, whatever comes, and never anything else."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from events.names import ModelName, Version
from puller.exchange.client import Client, NotGiven, Wanted
from puller.exchange.neighbours import Failure
from puller.exchange.request import Place

BODY = b"0123456789"
RIGHT = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 5-14/*\r\n%s\r\n" + BODY
PLACE = Place(ModelName("line"), Version(7), "1" * 64)


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A neighbour that gives these answers, one on each connection; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, answers), daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _answer(listener: socket.socket, answers: tuple[bytes, ...]) -> None:
    for answer in answers:
        connection, _ = listener.accept()
        with connection:
            connection.recv(8192)
            connection.sendall(answer)


async def fetch(address: str) -> tuple[list[int | None], bytes]:
    """Ask a neighbour for ten bytes: the CRC32C that it says, and what it gives."""
    client, taken = Client("", stall_seconds=5), bytearray()
    try:
        return await client.fetch(address, [Wanted("/x", 5, 15, taken.extend)]), bytes(taken)
    finally:
        client.close()


@pytest.mark.parametrize(("header", "crc"), [(b"", None), (b"X-CRC32C: 0000beef\r\n", 0xBEEF)])
async def test_a_crc_comes_along_or_not(header: bytes, crc: int | None) -> None:
    """It is what the neighbour says of the bytes; who asked compares."""
    with answering(RIGHT % header) as address:
        assert await fetch(address) == ([crc], BODY)


@pytest.mark.parametrize("value", [b"", b"beef", b"0000BEEF", b"0x00beef", b"-0000001", b"00000beef"])
async def test_a_crc_that_is_none(value: bytes) -> None:
    """It breaks the answer: bytes about which rubbish is said are not taken."""
    with answering(RIGHT % (b"X-CRC32C: " + value + b"\r\n")) as address, pytest.raises(NotGiven) as refused:
        await fetch(address)
    assert refused.value.why is Failure.BROKEN


async def test_any_answer() -> None:
    """Of an answer with any bytes changed, cut off or added, the client makes bytes of the right length or a reason."""
    dice = random.Random(15)  # noqa: S311
    good = RIGHT % b"X-CRC32C: 0000beef\r\n"
    answers = []
    for _ in range(300):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 5)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        answers.append(bytes(data[: dice.randrange(1, len(data) + 1)]) if dice.random() < 0.3 else bytes(data))
    answers += [b"\r\n", b"x" * 100_000, good + b"more", b"HTTP/1.1 206 x\r\n" + b"a: b\r\n" * 500 + b"\r\n"]
    with answering(*answers) as address:
        for _ in answers:
            try:
                crcs, taken = await fetch(address)
            except NotGiven:
                continue
            assert (len(taken), len(crcs)) == (10, 1)


async def test_any_word() -> None:
    """Of any word about units the client makes a word, nothing, or a reason."""
    dice = random.Random(15)  # noqa: S311
    body = b'{"has": "ff", "coming": "0", "bytes": 10}'
    good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    answers = []
    for _ in range(300):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 5)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        answers.append(bytes(data))
    client = Client("")
    with answering(*answers) as address:
        for _ in answers:
            link = client.link(address, PLACE)
            try:
                word = await link.word(after=None)
            except NotGiven:
                continue
            finally:
                link.close()
            assert word is None or word.has >= 0
    client.close()
