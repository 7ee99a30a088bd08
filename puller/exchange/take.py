"""Takes one unit from one neighbour onto the disk, and compares it before anybody counts it."""

import os
from collections.abc import Sequence
from pathlib import Path

from puller.disk.ranges import Piece
from puller.disk.stage import StagedFile
from puller.download.range_download import Writer
from puller.exchange.client import Client, NotGiven, Wanted
from puller.exchange.cut import Unit
from puller.exchange.holdings import Crcs, Holdings
from puller.exchange.neighbours import Failure
from puller.exchange.request import Place
from service.files import disk_errors

Written = list[tuple[StagedFile, Piece]]


async def take(
    number: int, holdings: Holdings, place: Place, client: Client, *, address: str | None
) -> tuple[Written, Crcs]:
    """Have a neighbour give what is missing of a unit; the CRC32C of pieces, too, where these were said and are right.

    Raises `NotGiven`.
    """
    if address is None:
        raise NotGiven(Failure.BROKEN, "it is gone")
    unit, gaps = holdings.units[number], holdings.missing(number)
    writers = [(file, Writer(file, _open(file.path), start, stop)) for file, start, stop in gaps]
    try:
        wanted = [Wanted(place.file(file.file.name), one.position, one.end, one.write) for file, one in writers]
        stated = await client.fetch(address, wanted)
    finally:
        for _, writer in writers:
            os.close(writer.descriptor)
    if not await holdings.is_as_stated(number):
        is_all = sum(stop - start for _, start, stop in gaps) == unit.size  # else what was here may be wrong
        words = "its bytes are not those of the manifest's SHA-256"
        raise NotGiven(Failure.LIED if is_all else Failure.BROKEN, words)
    written = [(file, piece) for file, writer in writers for piece in writer.pieces(is_over=True)]
    return written, _compared(unit, written, stated)


def _compared(unit: Unit, written: Written, stated: Sequence[int | None]) -> Crcs:
    """Compare with the CRC32C of whole files, and with what is said of pieces; the latter, where it is right."""
    crcs = {}
    parts = {part.name: part for part in unit.parts}
    for (file, piece), said in zip(written, stated, strict=True):
        content, part = file.file.content, parts[file.file.name]
        if piece.end - piece.start == content.size and piece.crc32c != content.crc32c:
            raise NotGiven(Failure.LIED, "the CRC32C of its file is not the one that the bucket lists")
        if said is not None and piece.crc32c != said:
            raise NotGiven(Failure.LIED, "its bytes are not those of the CRC32C that came with them")
        if said is not None and (piece.start, piece.end) == (part.start, part.end):
            crcs[part.name, part.number] = said
    return crcs


def _open(path: Path) -> int:
    with disk_errors(f"cannot write {path}"):
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
