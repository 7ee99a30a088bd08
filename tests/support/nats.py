"""NATS servers as `infra/nats` configures them for production: certificates, keys, rights; on free loopback ports."""

import asyncio
import datetime
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nats.aio.client import Client

from events import subjects
from events.names import NodeName
from infra.local import programs
from infra.local.child import Child, Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from infra.nats import users
from service.tasks import end
from tests.support.stack import eventually

CONFIGS = Path(users.__file__).parent
DAY = datetime.timedelta(days=1)
ALICE = NodeName("alice")


@dataclass(frozen=True, slots=True)
class Secured:
    """A server for production, and the folder with everybody's keys; `own` is where its configuration is."""

    port: int
    folder: Path
    child: Child
    own: Path
    cluster: str = ""

    @property
    def url(self) -> str:
        return f"tls://{LOOPBACK}:{self.port}"

    @property
    def ca(self) -> Path:
        return self.folder / "tls" / "ca.crt"

    def seed(self, user: str) -> Path:
        return users.seed_folder(self.folder, self.cluster) / f"{user}.nk"

    def environment(self, user: str, node: str) -> dict[str, str]:
        """What a service of this node is given, to be that user."""
        return {
            "MM_NODE": node,
            "MM_NATS_URL": self.url,
            "MM_NATS_NKEY_FILE": str(self.seed(user)),
            "MM_NATS_CA_FILE": str(self.ca),
        }


def prepare(folder: Path, names: users.Names) -> Path:
    """Write keys, rights and certificates as an operator would."""
    users.write(folder, names)
    make_certificates(folder / "tls")
    return folder


def start(
    supervisor: Supervisor, folder: Path, config: str = "production.conf", *, replace: dict[str, str] | None = None
) -> Secured:
    """Start a server with a configuration of infra/nats, its paths and ports changed to ours, and nothing else."""
    server = launch(supervisor, folder, config, replace=replace)
    supervisor.wait_ready(server.child)
    return server


def launch(
    supervisor: Supervisor,
    folder: Path,
    config: str,
    *,
    replace: dict[str, str] | None = None,
    name: str = "nats-1",
) -> Secured:
    """Start a server without waiting for it."""
    own = supervisor.new_folder(name)
    port, monitor = supervisor.ports.reserve(), supervisor.ports.reserve()
    changes = {
        "/etc/nats/": f"{folder}/",
        '"/data"': f'"{own}/data"',
        "port: 4222": f'host: "{LOOPBACK}", port: {port}',
        '"127.0.0.1:8222"': f'"{LOOPBACK}:{monitor}"',
        "http: 8222": f'http: "{LOOPBACK}:{monitor}"',
        **(replace or {}),
    }
    for path in CONFIGS.glob("*.conf"):
        text = path.read_text()
        for before, after in changes.items():
            text = text.replace(before, after)
        (own / path.name).write_text(text)
    for path in (folder / "users.conf", *(folder / "sites").glob("*.conf")):
        (own / ("site.conf" if path.parent.name == "sites" else path.name)).write_bytes(path.read_bytes())
    argv = (str(programs.nats_server()), "--config", str(own / config))
    command = Command(name, argv, ready=http_ok(monitor, "/healthz"), environment={"MM_NATS_SERVER": name})
    return Secured(port, folder, supervisor.launch(command), own)


def make_certificates(folder: Path) -> None:
    """Make a CA and a certificate for servers on the loopback, good as a server's and as a client's."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("test CA", ca_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    server = _certificate("nats", key.public_key()).add_extension(x509.SubjectAlternativeName(names), critical=False)
    server = server.add_extension(usage, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.crt").write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.crt").write_bytes(server.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )


@dataclass(frozen=True, slots=True)
class Person:
    """A client by hand, which notes what the server refuses."""

    client: Client
    refused: list[str] = field(default_factory=list)

    async def refusals(self) -> list[str]:
        """Tell what was refused, in order, of all that was sent up to now."""
        last = f"nobody.may.{len(self.refused)}"
        await self.client.publish(last, b"")
        await eventually(lambda: any(last in words for words in self.refused))
        told = [re.search(r'for (\w+) to "([^"]+)"', words) for words in self.refused]
        return [f"{match[1]} {match[2]}" for match in told if match and not match[2].startswith("nobody.may.")]


@asynccontextmanager
async def person(server: Secured, user: str, *, inbox: str = "") -> AsyncIterator[Person]:
    """Connect by hand as a user; `inbox` is its own by default."""
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error).lower())

    role, _, name = user.partition(".")
    client = await nats.connect(
        server.url,
        nkeys_seed=str(server.seed(user)),
        tls=ssl.create_default_context(cafile=str(server.ca)),
        inbox_prefix=inbox or subjects.inbox(NodeName(name or "x"), role),
        error_cb=note,
        allow_reconnect=False,
        connect_timeout=5,
    )
    try:
        yield Person(client, refused)
    finally:
        await client.close()


@asynccontextmanager
async def running(jobs: Iterable[asyncio.Task[None]]) -> AsyncIterator[None]:
    """Let jobs run for a while."""
    tasks = list(jobs)
    try:
        yield
    finally:
        await end(tasks)
