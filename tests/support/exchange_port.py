"""The exchange's port on loopback, over a real disk."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import google_crc32c

from events.desired import Policy
from events.names import FileName, ModelName, Version
from puller.exchange import signing
from puller.exchange.offers import Offers
from puller.exchange.request import CRC_HEADER, Place
from puller.exchange.server import Server
from service import files
from service.layout import FileRecord, Layout, Receipt

CLIENTS = ThreadPoolExecutor(32)  # not the loop's own threads, which the server needs
MODEL, VERSION = ModelName("line"), Version(7)
SECRET = "the secret of the site"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    crc: str = ""


@dataclass(slots=True)
class Disk:
    """A models directory with published versions."""

    layout: Layout
    policies: tuple[Policy, ...] = (Policy(),)

    def publish(self, contents: Mapping[str, bytes], version: Version = VERSION) -> Place:
        """Put a version there, with its receipt."""
        records = []
        for name, data in contents.items():
            path = self.layout.version(MODEL, version) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            crc = google_crc32c.value(data)
            records.append(FileRecord(name=FileName(name), size=len(data), crc32c=crc, generation=1))
        receipt = Receipt(model=MODEL, version=version, staged=datetime.now(UTC), files=tuple(records))
        files.write(self.layout.receipt(MODEL, version), receipt.model_dump_json().encode())
        return Place(MODEL, version, receipt.fingerprint)


def disk(folder: Path) -> Disk:
    """Make an empty one."""
    return Disk(Layout(folder))


@contextlib.asynccontextmanager
async def serving(
    on: Disk, *, secret: str = SECRET, bytes_per_second: int | None = None
) -> AsyncIterator[tuple[int, Offers]]:
    """Serve; gives the port."""
    offers = Offers(on.layout, policies=lambda _model: on.policies)
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(offers, secret=secret, bytes_per_second=bytes_per_second)
    task = asyncio.create_task(server.serve(listener))
    try:
        yield listener.getsockname()[1], offers
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ask(port: int, target: str, *, byte_range: tuple[int, int] | None = None, secret: str = SECRET) -> Answer:
    """Ask on a connection of one's own."""
    call = partial(_ask, port, target, byte_range, secret)
    return await asyncio.get_running_loop().run_in_executor(CLIENTS, call)


def _ask(port: int, target: str, byte_range: tuple[int, int] | None, secret: str) -> Answer:
    ranged = f"bytes={byte_range[0]}-{byte_range[1] - 1}" if byte_range else ""
    lines = [f"GET {target} HTTP/1.1", f"Authorization: {signing.sign(secret, target, ranged, at=int(time.time()))}"]
    lines += [f"Range: {ranged}"] if ranged else []
    return send(port, "\r\n".join([*lines, "", ""]).encode())


def send(port: int, data: bytes) -> Answer:
    """Send bytes, and take what comes until the answer is whole; status 0 where there is none. Blocking."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as answers:
            status = answers.readline().split()
            if not status:
                return Answer(0, b"")
            headers: dict[str, str] = {}
            while (line := answers.readline()) not in {b"\r\n", b""}:
                name, _, value = line.decode().partition(":")
                headers[name] = value.strip()
            body = answers.read(int(headers.get("Content-Length", "0")))
            return Answer(int(status[1]), body, headers.get(CRC_HEADER, ""))
