"""A bucket with requester-pays: a server that stands before a real one and refuses each request that names no payer."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}
REFUSAL = {"error": {"code": 400, "message": "Bucket is a requester pays bucket but no user project provided."}}


@dataclass(slots=True)
class Payer:
    """The server's address, and who paid for what was asked."""

    url: str = ""
    paid: list[tuple[str, str]] = field(default_factory=list)  # method and path, and the project; empty: refused


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, payer: Payer, behind: str, *rest: object) -> None:
        self._payer = payer
        self._behind = behind
        super().__init__(*rest)  # type: ignore[arg-type] # as the server gives them

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        project = parse_qs(parts.query).get("userProject", [""])[0]
        self._payer.paid.append((f"{self.command} {parts.path}", project))
        if not project:
            return self._answer(400, {"Content-Type": "application/json"}, json.dumps(REFUSAL).encode())
        connection = http.client.HTTPConnection(self._behind, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body=body or None, headers=headers)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        self._answer(answer.status, kept, answer.read())
        return connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def requester_pays(behind: str) -> Iterator[Payer]:
    """Stand before the server at this address."""
    payer = Payer()
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, payer, urlsplit(behind).netloc))
    server.daemon_threads = True
    payer.url = f"http://{LOOPBACK}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield payer
    finally:
        server.shutdown()
        server.server_close()
