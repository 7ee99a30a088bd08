"""The exchange's port: right bytes for neighbours, nothing for anybody else."""

import asyncio
import json
import os
import random
import socket
from pathlib import Path

import pytest

from events.desired import Pinned, Policy
from events.names import FileName, Version
from puller.disk import crc32c
from puller.exchange import server
from puller.exchange.cut import Part, cut
from puller.exchange.neighbours import Availability
from puller.exchange.request import Place
from tests.support.exchange_port import MODEL, VERSION, Disk, ask, disk, send, serving

LARGE = os.urandom(9 * 1024 * 1024)
FILES = {"saved_model.pb": b"graph", "variables/weights": LARGE, "assets/ä b": b"words", "assets/empty": b""}


@pytest.fixture
def here(tmp_path: Path) -> Disk:
    return disk(tmp_path)


async def test_a_published_version_is_given(here: Disk) -> None:
    """Any bytes of any file of it, and the word that all units are here."""
    place = here.publish(FILES)
    units = cut({FileName(name): len(data) for name, data in FILES.items()})
    async with serving(here) as (port, _):
        word = json.loads((await ask(port, place.target)).body)
        assert int(word["has"], 16) == (1 << len(units)) - 1
        weights = await ask(port, place.file(FileName("variables/weights")), byte_range=(5, len(LARGE)))
        assert (weights.status, weights.body == LARGE[5:]) == (206, True)
        assert (await ask(port, place.file(FileName("assets/ä b")), byte_range=(0, 5))).body == b"words"


async def test_what_is_not_there_is_not_given(here: Disk) -> None:
    """Other bytes under the number, other files, other ranges, other versions."""
    place = here.publish(FILES)
    async with serving(here) as (port, _):
        graph = FileName("saved_model.pb")
        assert (await ask(port, Place(MODEL, VERSION, "0" * 64).target)).status == 404
        assert (await ask(port, Place(MODEL, Version(8), place.key).target)).status == 404
        assert (await ask(port, place.file(FileName("other")), byte_range=(0, 1))).status == 404
        assert (await ask(port, place.file(graph), byte_range=(0, 6))).status == 404
        assert (await ask(port, place.file(graph), byte_range=(5, 6))).status == 404
        assert (await ask(port, f"{place.target}/../../../8/saved_model.pb", byte_range=(0, 1))).status == 400


async def test_a_stranger_gets_nothing(here: Disk) -> None:
    """Without the site's secret not even the question whether a version is here has an answer."""
    place = here.publish(FILES)
    async with serving(here) as (port, _):
        for target in (place.target, place.file(FileName("saved_model.pb"))):
            assert (await ask(port, target, byte_range=(0, 5), secret="another site's secret")).status == 401
            plain = f"GET {target} HTTP/1.1\r\nRange: bytes=0-4\r\n\r\n".encode()
            assert (await asyncio.to_thread(send, port, plain)).status == 401


async def test_what_nobody_wants_is_not_given(here: Disk) -> None:
    """An older version that only waits for its removal is none of desired state's."""
    place = here.publish(FILES)
    newer = here.publish({**FILES, "saved_model.pb": b"newer"}, Version(8))
    async with serving(here) as (port, _):
        assert (await ask(port, place.target)).status == 404
        assert (await ask(port, newer.target)).status == 200
        here.policies = (Policy(), Policy(want=Pinned(versions=(VERSION,))))
        assert (await ask(port, place.target)).status == 200


async def test_units_of_a_version_on_its_way(here: Disk) -> None:
    """A unit is given as soon as it is said to be here, and not before; a question for news is answered then."""
    sizes = {FileName(name): len(data) for name, data in FILES.items()}
    place, units = Place(MODEL, VERSION, "1" * 64), cut(sizes)
    weights = FileName("variables/weights")
    stage = here.layout.stage(MODEL, VERSION) / weights
    stage.parent.mkdir(parents=True)
    stage.write_bytes(LARGE)
    async with serving(here) as (port, offers):
        with offers.coming(place, units, sizes) as offer:
            first = units[0].parts[0]
            assert (await ask(port, place.file(weights), byte_range=(first.start, first.end))).status == 404
            news = asyncio.create_task(ask(port, f"{place.target}?after=0"))
            offer.say(Availability(has=1, coming=2, bytes_there=first.size))
            assert json.loads((await news).body) == {"has": "1", "coming": "2", "bytes": first.size}
            given = await ask(port, place.file(weights), byte_range=(first.start, first.end))
            assert given.body == LARGE[first.start : first.end]
            assert (await ask(port, place.file(weights), byte_range=(first.start, first.end + 1))).status == 404
        published = here.layout.version(MODEL, VERSION)
        published.parent.mkdir()
        here.layout.stage(MODEL, VERSION).rename(published)
        given = await ask(port, place.file(weights), byte_range=(first.start, first.end))
        assert given.body == LARGE[first.start : first.end]


async def test_any_range_of_any_piece(here: Disk) -> None:
    """Whatever range is asked for: right bytes of pieces that are here, a CRC32C with exactly one piece, or nothing."""
    sizes = {FileName(name): len(data) for name, data in FILES.items()}
    place, units, dice = Place(MODEL, VERSION, "1" * 64), cut(sizes), random.Random(15)  # noqa: S311
    for name, data in FILES.items():
        path = here.layout.stage(MODEL, VERSION) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    parts = [(number, part) for number, unit in enumerate(units) for part in unit.parts]
    edges = [0, 1, *(edge + by for _, part in parts for edge in (part.start, part.end) for by in (-1, 0, 1)), 10**12]
    async with serving(here) as (port, offers):
        with offers.coming(place, units, sizes) as offer:
            for _ in range(300):
                has, known = dice.randrange(1 << len(units)), dice.sample(parts, dice.randrange(len(parts) + 1))
                offer.say(Availability(has=has))
                offer.crcs = {(part.name, part.number): _crc(part) for _, part in known}
                name = dice.choice([*FILES, "none"])
                start, end = sorted(max(0, dice.choice(edges)) for _ in range(2))
                answer = await ask(port, place.file(FileName(name)), byte_range=(start, end + 1))
                touched = [(number, part) for number, part in parts if part.name == name and part.start <= end]
                touched = [(number, part) for number, part in touched if start < part.end]
                is_here = name in FILES and end < len(FILES[name]) and all(has >> number & 1 for number, _ in touched)
                assert answer.status == (206 if is_here else 404)
                if is_here:
                    assert answer.body == FILES[name][start : end + 1]
                    exact = [part for _, part in known if (part.name, part.start, part.end) == (name, start, end + 1)]
                    assert answer.crc == (f"{_crc(exact[0]):08x}" if exact else "")


async def test_a_transfer_that_failed_offers_nothing(here: Disk) -> None:
    """What is staged then is not known to be right."""
    place = Place(MODEL, VERSION, "1" * 64)
    async with serving(here) as (port, offers):
        with pytest.raises(OSError, match="broken"), offers.coming(place, (), {}):
            raise OSError("broken")
        assert (await ask(port, place.target)).status == 404


async def test_links_are_not_followed(here: Disk, tmp_path: Path) -> None:
    """A link in the place of a file or folder gives nothing of what it leads to."""
    place = here.publish(FILES)
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "weights").write_bytes(LARGE)
    version = here.layout.version(MODEL, VERSION)
    (version / "variables" / "weights").unlink()
    async with serving(here) as (port, _):
        (version / "variables" / "weights").symlink_to(secret / "weights")
        target = place.file(FileName("variables/weights"))
        assert (await ask(port, target, byte_range=(0, 5))).status == 404
        (version / "variables" / "weights").unlink()
        (version / "variables").rmdir()
        (version / "variables").symlink_to(secret)
        assert (await ask(port, target, byte_range=(0, 5))).status == 404


async def test_more_neighbours_than_places(here: Disk) -> None:
    """Those beyond the bound are told to ask again, and have the bytes then."""
    place = here.publish(FILES)
    target = place.file(FileName("variables/weights"))
    async with serving(here, bytes_per_second=40 * 1024 * 1024) as (port, _):
        asked = [ask(port, target, byte_range=(0, len(LARGE))) for _ in range(server.UPLOADS + 4)]
        statuses = sorted([answer.status for answer in await asyncio.gather(*asked)])
        assert statuses == [206] * server.UPLOADS + [503] * 4
        while (answer := await ask(port, target, byte_range=(0, len(LARGE)))).status == 503:
            pass
        assert answer.body == LARGE


async def test_any_bytes(here: Disk) -> None:
    """Whatever is sent, the port answers with a refusal or hangs up, and goes on serving neighbours."""
    place = here.publish(FILES)
    random_bytes = random.Random(15)  # noqa: S311
    good = f"GET {place.file(FileName('saved_model.pb'))} HTTP/1.1\r\nRange: bytes=0-4\r\n\r\n".encode()
    async with serving(here) as (port, _):
        for _ in range(200):
            data = bytearray(good)
            for _ in range(random_bytes.randrange(1, 6)):
                data[random_bytes.randrange(len(data))] = random_bytes.randrange(256)
            answer = await asyncio.to_thread(_send_and_end, port, bytes(data))
            assert answer in {0, 400, 401}
        for rubbish in (b"", b"\r\n\r\n", b"x" * 100_000, b"GET /v1/" + b"a" * 20_000, os.urandom(5000) + b"\r\n\r\n"):
            assert await asyncio.to_thread(_send_and_end, port, rubbish) in {0, 400}
        assert (await ask(port, place.target)).status == 200


def _crc(part: Part) -> int:
    return crc32c.extend(0, FILES[part.name][part.start : part.end])


def _send_and_end(port: int, data: bytes) -> int:
    """Send bytes and no more; the status of the answer, 0 where there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            status = connection.makefile("rb").readline().split()
        except OSError:  # it hung up first
            return 0
        return int(status[1]) if status else 0
