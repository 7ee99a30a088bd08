"""The REST face as an ASGI application: HTTP in and out, time limits, and nothing else."""

import asyncio
import os
import zlib
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.tfserving.rest.answers import Call, Reply, answer, failed
from infra.tfserving.rest.paths import is_ours
from infra.tfserving.servable import Code, Core, RequestFailure

THREADS = 4 * (os.cpu_count() or 1)  # the official server's default
GZIP = 16  # tells zlib to expect gzip's header
MAX_UNPACKED_BYTES = 100 * 2**20
NOT_FOUND = b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


def create_app(core: Core, *, timeout_seconds: float = 30.0, cors: bool = False) -> Starlette:
    """Return the application over a core; a limit of 0 or less seconds is none, `cors` lets foreign pages in."""
    return Starlette(routes=[Mount("/", app=Rest(core, timeout_seconds=timeout_seconds, cors=cors))])


class Rest:
    """Answers every path; requests run in threads of their own, as inference blocks."""

    def __init__(self, core: Core, *, timeout_seconds: float, cors: bool) -> None:
        self._core = core
        self._timeout_seconds = timeout_seconds if timeout_seconds > 0 else None
        self._headers = CORS if cors else None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="rest")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response: ASGIApp = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = raw_path(request)
        if not is_ours(path):
            return Response(NOT_FOUND, 404, media_type="text/html")
        reply = await self._reply(request, path)
        return Response(reply.body, reply.status, headers=self._headers, media_type="application/json")

    async def _reply(self, request: Request, path: str) -> Reply:
        if request.method == "OPTIONS":
            return preflight(request.headers.get("origin", ""))
        body = unpack(await request.body(), request.headers.get("content-encoding", ""))
        call = Call(request.method, path, body)
        running = asyncio.get_running_loop().run_in_executor(self._threads, answer, self._core, call)
        try:
            return await asyncio.wait_for(running, self._timeout_seconds)
        except TimeoutError:
            return failed(RequestFailure(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification"))


def raw_path(request: Request) -> str:
    """Return the path as it was sent, with its query."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


def unpack(body: bytes, encoding: str) -> bytes:
    """Return a body that may be gzipped; one that cannot be unpacked, or only to too much, counts as empty."""
    if "gzip" not in encoding:
        return body
    stream = zlib.decompressobj(zlib.MAX_WBITS | GZIP)
    try:
        unpacked = stream.decompress(body, MAX_UNPACKED_BYTES)
    except zlib.error:
        return b""
    return unpacked if stream.eof else b""


def preflight(origin: str) -> Reply:
    """Answer a browser that asks whether it may."""
    return Reply(200 if "http://" in origin or "https://" in origin else 400, b"")
