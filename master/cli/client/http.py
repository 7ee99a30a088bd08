"""One HTTP request to the master, or one stream of its events, with the standard library alone.

A client library would cost more start-up time than the whole of `status`. Each request has its own connection: the
command makes a handful. What goes wrong on the way becomes a sentence that says what to check.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from master.cli.exits import Broken, Exit, Failure, Unreachable

CONNECT_SECONDS = 8.0  # where packets are dropped somebody waits for a word
TIMEOUT_SECONDS = 30.0  # for the answer: commands wait for nodes
SILENCE_SECONDS = 60.0  # an event stream without even a comment for so long is dead
MAX_LINE_BYTES = 1024 * 1024
CHECK = "check that the master runs and that MM_MASTER_URL is right; the nodes go on serving without it"


@dataclass(frozen=True, slots=True)
class Reply:
    """The master's answer to a request; header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Http:
    """Requests to one master."""

    def __init__(
        self, url: str, *, token: str = "", timeout_seconds: float = TIMEOUT_SECONDS, ca_file: str = ""
    ) -> None:
        """Keep what was given; by the CAs in `ca_file` the master is known beside those of the system."""
        self.url = url.rstrip("/")
        self._ca_file = ca_file
        self._token = token
        self._timeout_seconds = timeout_seconds

    def request(self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] = {}) -> Reply:
        """Ask, and return the whole answer; `Unreachable` says why there is none."""
        given = {"Accept": "application/json", **headers}
        if body is not None:
            given["Content-Type"] = "application/json"
        with self._words(), self._connected(self._timeout_seconds) as connection:
            reply = self._ask(connection, method, path, body=body, headers=given)
            return Reply(reply.status, reply.read(), _headers(reply))

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str]) -> Iterator[tuple[Reply, Iterator[str]]]:
        """Open a stream of lines; a reply that is an error comes whole, with no lines."""
        given = {"Accept": "text/event-stream", **headers}
        with self._words(), self._connected(SILENCE_SECONDS) as connection:
            reply = self._ask(connection, "GET", path, body=None, headers=given)
            is_stream = reply.status == 200
            yield Reply(reply.status, b"" if is_stream else reply.read(), _headers(reply)), _lines(reply)

    def _ask(
        self, connection: HTTPConnection, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> HTTPResponse:
        signed = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        connection.request(method, f"{urlsplit(self.url).path}{path}", body=body, headers={**headers, **signed})
        return connection.getresponse()

    @contextmanager
    def _connected(self, seconds: float) -> Iterator[HTTPConnection]:
        """Connect; after that each piece of an answer may take so long."""
        with closing(self._connection(min(seconds, CONNECT_SECONDS))) as connection:
            connection.connect()
            connection.sock.settimeout(seconds)
            yield connection

    def _connection(self, seconds: float) -> HTTPConnection:
        parts = urlsplit(self.url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if parts.scheme not in {"http", "https"} or not host:
            raise Failure(
                f"MM_MASTER_URL is {self.url!r}, which is no address", advice="write http://HOST:8000", code=Exit.USAGE
            )
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=seconds)
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        return HTTPSConnection(host, port, timeout=seconds, context=context)

    @contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except ConnectionRefusedError as error:
            raise Unreachable(f"no master answers at {self.url}: connection refused", advice=CHECK) from error
        except socket.gaierror as error:
            raise Unreachable(f"the host of {self.url} is not known: {error.strerror}", advice=CHECK) from error
        except ssl.SSLCertVerificationError as error:
            advice = "name the certificate authority's file with MM_CA_FILE"
            raise Unreachable(f"{self.url}: {error.verify_message}", advice=advice) from error
        except TimeoutError as error:
            raise Broken(f"the master at {self.url} did not answer in time", advice=CHECK) from error
        except HTTPException as error:
            what = f"{type(error).__name__} {error}".strip()
            raise Broken(f"{self.url} broke off, or is no model.manager master: {what}", advice=CHECK) from error
        except OSError as error:
            raise Broken(f"the way to {self.url} failed: {error.strerror or error}", advice=CHECK) from error


def _headers(reply: HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.getheaders()}


def _lines(reply: HTTPResponse) -> Iterator[str]:
    while line := reply.readline(MAX_LINE_BYTES):
        yield line.decode("utf-8", "replace").rstrip("\r\n")
