"""The process that hosts the proxies, and its control port.

    GET  /                 -> everything: faults and tally of the bucket proxy, mode of each link
    PUT  /bucket           {"error": 0.2, "seed": 7}: the fields of `mischief.BucketFaults`; what is left out is off
    PUT  /links/NAME       {"mode": "black hole"}
    POST /links/NAME/reset
    POST /calm             no faults any more

It listens on loopback only: whoever can reach it may disturb the stack and nothing else.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

import h11

from infra.local.connections import accepting
from infra.local.faults import garbage
from infra.local.faults.bucket_proxy import BucketProxy
from infra.local.faults.link import Link, Mode
from infra.local.faults.mischief import BadFaults, BucketFaults
from infra.local.faults.wire import Answer, Request, read_request

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Way:
    """A port of ours and where it leads."""

    name: str
    port: int
    behind_host: str
    behind_port: int


@dataclass(frozen=True, slots=True)
class Proxies:
    """All proxies of one process."""

    bucket: BucketProxy | None
    links: Mapping[str, Link]

    def calm(self) -> None:
        """Behave from now on."""
        if self.bucket:
            self.bucket.misbehave(BucketFaults())
        for link in self.links.values():
            link.turn(Mode.PASS)

    def state(self) -> bytes:
        """Show everything."""
        bucket = {"faults": asdict(self.bucket.faults), "tally": self.bucket.tally} if self.bucket else None
        links = {name: {"mode": link.mode, "taken": link.taken} for name, link in self.links.items()}
        return json.dumps({"bucket": bucket, "links": links}).encode()

    def obey(self, request: Request) -> Answer:
        """Do what a request asks for."""
        match request.method, request.target.strip("/").split("/"):
            case "GET", [""]:
                pass
            case "PUT", ["bucket"] if self.bucket:
                self.bucket.misbehave(BucketFaults(**_object(request)))  # type: ignore[arg-type] # it checks itself
            case "PUT", ["links", name] if name in self.links:
                self.links[name].turn(Mode(str(_object(request).get("mode"))))
            case "POST", ["links", name, "reset"] if name in self.links:
                self.links[name].reset()
            case "POST", ["calm"]:
                self.calm()
            case _:
                return _refuse(404, f"there is no {request.method} {request.target} here")
        return Answer(200, ((b"Content-Type", b"application/json"),), self.state())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to the control port."""
        try:
            if request := await read_request(reader, writer):
                answer = self._try(request)
                writer.write(answer.head(length=len(answer.body)) + answer.body)
                await writer.drain()
        except (OSError, h11.ProtocolError):
            writer.transport.abort()

    def _try(self, request: Request) -> Answer:
        try:
            return self.obey(request)
        except (BadFaults, ValueError, TypeError) as error:
            return _refuse(400, str(error))


async def host(bucket: Way | None, links: tuple[Way, ...], *, control_port: int, seed: int = 0) -> None:
    """Run proxies and control port until cancelled."""
    async with AsyncExitStack() as running:
        nonsense, garbage_port = await garbage.start(seed)
        running.push_async_callback(nonsense.stop, None)
        made = {way.name: Link(way.behind_host, way.behind_port, garbage_port=garbage_port) for way in links}
        proxy = BucketProxy(bucket.behind_host, bucket.behind_port) if bucket else None
        proxies = Proxies(proxy, made)
        if bucket and proxy:
            await running.enter_async_context(accepting(proxy.serve, LOOPBACK, bucket.port))
        for way in links:
            await running.enter_async_context(accepting(made[way.name].serve, LOOPBACK, way.port))
        await running.enter_async_context(accepting(proxies.serve, LOOPBACK, control_port))
        await asyncio.get_running_loop().create_future()


def _object(request: Request) -> dict[str, object]:
    found = json.loads(request.body or b"{}")
    if not isinstance(found, dict):
        raise BadFaults("the body is a JSON object")
    return found


def _refuse(code: int, words: str) -> Answer:
    return Answer(code, ((b"Content-Type", b"application/json"),), json.dumps({"error": words}).encode())
