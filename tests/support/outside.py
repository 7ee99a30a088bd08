"""Google behind a proxy that looks into everything: one that answers for Google's hosts with its own CA.

What a host stands for is a plain server on loopback. A host that nobody expects is refused and written down, so a
test can say that nothing else was asked for.
"""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

STORAGE = "storage.googleapis.com"
PUBSUB = "pubsub.googleapis.com"
STS = "sts.googleapis.com"
IAM = "iamcredentials.googleapis.com"
HOSTS = (STORAGE, PUBSUB, STS, IAM, "oauth2.googleapis.com")
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """A CA, and a certificate by it for all of Google's hosts, as files."""

    ca: Path
    chain: Path
    key: Path

    def context(self, *protocols: str) -> ssl.SSLContext:
        """What a server with the certificate needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        context.set_alpn_protocols(list(protocols))
        return context


def certify(folder: Path, *, name: str = "Proxy CA of the tests") -> Certificates:
    """Make a CA, and a certificate for Google's hosts."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca = (
        builder(issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "googleapis.com")])
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    chain = builder(subject, key.public_key()).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    found = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    found.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    found.chain.write_bytes(chain.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found


@dataclass(slots=True)
class Proxy:
    """The proxy: which host is which port of loopback, what was asked for, and by which address it is reached."""

    certificates: Certificates
    backends: Mapping[str, int]
    asked: list[str] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)  # as they were sent, of those that sent one
    refuses: bool = False
    is_silent: bool = False  # takes connections and says nothing, as where packets are dropped
    silent_about: str = ""  # the same for one host
    port: int = 0

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def unexpected(self) -> list[str]:
        """The hosts that were asked for and are none of those expected."""
        return [host for host in self.asked if host not in self.backends]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._serve(reader, writer)
            writer.close()
        except asyncio.CancelledError:  # the proxy ends; nobody waits for a farewell
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode("latin-1").split(" ", 2)
        host = target.rpartition(":")[0]
        self.asked.append(host)
        lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n")]
        self.passwords += [value for name, _, value in lines if name.lower() == "proxy-authorization"]
        if self.is_silent or host == self.silent_about:
            await reader.read()
            return
        if method != "CONNECT" or host not in self.backends or self.refuses:
            writer.write(b"HTTP/1.1 403 Not Allowed By The Proxy\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self.certificates.context("h2" if host == PUBSUB else "http/1.1"))
        inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, self.backends[host])
        try:
            await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
        finally:
            inner_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def proxying(certificates: Certificates, backends: Mapping[str, int]) -> Iterator[Proxy]:
    """Run the proxy in a thread of its own."""
    proxy = Proxy(certificates, backends)
    with _looping() as loop:

        async def start() -> asyncio.Server:
            return await asyncio.start_server(proxy.serve, LOOPBACK, 0)

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            loop.call_soon_threadsafe(server.close)


@contextlib.contextmanager
def _looping() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Tokens(BaseHTTPRequestHandler):
    """Gives a token to whoever asks, at the paths of Google's two token services."""

    def do_POST(self) -> None:
        """Exchange, or impersonate."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith(":generateAccessToken"):
            ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            return self._answer({"accessToken": "a-token", "expireTime": ends})
        if self.path in {"/v1/token", "/token"}:
            kind = "urn:ietf:params:oauth:token-type:access_token"
            return self._answer(
                {"access_token": "a-token", "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
            )
        return self.send_error(404)

    def _answer(self, document: Mapping[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def token_services() -> Iterator[int]:
    """Run Google's token services on a port of loopback."""
    server = ThreadingHTTPServer((LOOPBACK, 0), _Tokens)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def federated(folder: Path, *, impersonates: bool = False) -> Path:
    """Write credentials of workload identity federation as `gcloud iam workload-identity-pools` does."""
    (folder / "subject").write_text("a-subject-token")
    pool = "//iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/on-prem/providers/nodes"
    path = "/v1/projects/-/serviceAccounts/mm-puller@p.iam.gserviceaccount.com:generateAccessToken"
    document = {
        "type": "external_account",
        "audience": pool,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"https://{STS}/v1/token",
        "credential_source": {"file": str(folder / "subject")},
        **({"service_account_impersonation_url": f"https://{IAM}{path}"} if impersonates else {}),
    }
    file = folder / "credentials.json"
    file.write_text(json.dumps(document))
    return file
