"""A puller as a process, on real NATS, a real GCS server and a real Pub/Sub server, each for one test alone."""

import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from events import manifest
from events.manifest import Content
from events.names import FileName, ModelName, Version
from events.status import PulledVersion, PullerReport
from infra.local import parts, programs
from infra.local.bucket import Bucket, make_topic
from infra.local.child import Child, Command
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from puller.disk import crc32c
from service.layout import Layout
from tests.support.pubsub import AS_GOOGLE, connected
from tests.support.stack import GcsServer, NatsServer

MODEL = ModelName("half")
TINY_MODEL = Path(__file__).parents[2] / "models" / "half_plus_two"


@dataclass(frozen=True, slots=True)
class RunningPuller:
    """A puller and where to look at it."""

    child: Child
    url: str
    layout: Layout

    @property
    def staged_bytes(self) -> int:
        """What lies in the stage, as the disk counts it."""
        files = (path for path in (self.layout.own / "stage").rglob("*") if path.is_file())
        return sum(path.stat().st_blocks * 512 for path in files)

    @property
    def report(self) -> PullerReport:
        """What it says of itself."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=10) as answer:  # noqa: S310 - our own address
            return PullerReport.model_validate_json(answer.read())

    def version(self, version: int, model: str = MODEL) -> PulledVersion | None:
        """One version in its report."""
        entries = self.report.models.get(ModelName(model), [])
        return next((entry for entry in entries if entry.version == version), None)

    def state(self, version: int, model: str = MODEL) -> str:
        """The state of one version in its report; empty where it is not there."""
        entry = self.version(version, model)
        return entry.state.value if entry else ""

    def folder(self, version: int, model: str = MODEL) -> Path:
        """Where the version is published."""
        return self.layout.version(ModelName(model), Version(version))

    def files(self, version: int, model: str = MODEL) -> dict[str, bytes]:
        """What is published under a version."""
        folder = self.folder(version, model)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True, slots=True)
class World:
    """What a puller runs in."""

    supervisor: Supervisor
    nats: NatsServer
    gcs: GcsServer
    started: list[Child] = field(default_factory=list)

    def start_puller(
        self,
        node: str = "node-1",
        *,
        wait: bool = True,
        variables: Mapping[str, str] = {},
        program: str = "puller",
        **settings: str,
    ) -> RunningPuller:
        """Start a puller; settings without `MM_`, in small letters, over those that connect it to this world.

        `variables` stand under their own names; an empty emulator is none. `program` is a module that runs the puller,
        and its words.
        """
        folder = self.supervisor.new_folder(node)
        port = self.supervisor.ports.reserve()
        own = {
            "MM_NODE": node,
            "MM_MODELS_DIR": str(folder),
            "MM_HTTP_HOST": LOOPBACK,
            "MM_HTTP_PORT": str(port),
            "MM_LOG_FORMAT": "text",
            "MM_LOG_LEVEL": "debug",
            "MM_SETTLE_SECONDS": "0.2",
            "MM_RESERVE_MIB": "0",
            "MM_NATS_URL": self.nats.url,
            "MM_BUCKET": "models",
            "MM_PROJECT": self.gcs.project,
            "MM_TOPIC": self.gcs.topic,
            "STORAGE_EMULATOR_HOST": self.gcs.url,
            "PUBSUB_EMULATOR_HOST": self.gcs.pubsub_address,
        }
        own |= {f"MM_{name.upper()}": value for name, value in settings.items()} | dict(variables)
        own = {name: value for name, value in own.items() if value or not name.endswith("_EMULATOR_HOST")}
        command = Command(
            f"puller-{node}",
            (str(programs.python()), "-m", *program.split()),
            ready=http_ok(port, "/readyz" if wait else "/livez"),
            environment=own,
        )
        child = self.supervisor.start(command)
        self.started.append(child)
        return RunningPuller(child, f"http://{LOOPBACK}:{port}", Layout(Path(own["MM_MODELS_DIR"])))

    def upload(self, version: int, *, model: str = MODEL, tiny: int = 1, with_manifest: bool = True) -> None:
        """Upload a tiny SavedModel as a version, its manifest last."""
        files = read_tree(TINY_MODEL / str(tiny))
        for name, data in files.items():
            self.gcs.bucket.write(f"{model}/{version}/{name}", data)
        if with_manifest:
            self.gcs.bucket.write(f"{model}/{version}/manifest.json", render_manifest(files))

    def publish(self, attributes: dict[str, str]) -> None:
        """Put a message on the topic as anybody could."""
        topic = f"projects/{self.gcs.project}/topics/{self.gcs.topic}"
        with connected(self.gcs.pubsub_address, AS_GOOGLE) as backend:
            backend.publish(topic, "text", **attributes)


@pytest.fixture
def world(supervisor: Supervisor, nats_server: NatsServer, gcs_server: GcsServer) -> Iterator[World]:
    """Real servers, and pullers that end with the test."""
    made = World(supervisor, nats_server, gcs_server)
    yield made
    for child in made.started:
        supervisor.stop(child)


@dataclass(frozen=True, slots=True)
class FragileWorld:
    """A world whose Pub/Sub server may be killed."""

    world: World
    pubsub: Child

    def make_topic(self) -> None:
        """Make the topic, which Pub/Sub does not keep over a restart."""
        gcs = self.world.gcs
        make_topic(gcs.pubsub_address, project=gcs.project, topic=gcs.topic)


@pytest.fixture
def fragile_world(supervisor: Supervisor, nats_server: NatsServer) -> Iterator[FragileWorld]:
    """Real servers, the Pub/Sub server for this test alone."""
    pubsub_port, port = supervisor.ports.reserve(), supervisor.ports.reserve()
    pubsub = supervisor.start(parts.pubsub(PubSubKind.EMBEDDED, pubsub_port))
    events = parts.Events(pubsub_port, "fragile", "uploads")
    child = supervisor.start(parts.gcs(supervisor.new_folder("gcs"), port, events=events))
    url, address = f"http://{LOOPBACK}:{port}", f"{LOOPBACK}:{pubsub_port}"
    with Bucket(url, name="models", project="fragile") as bucket:
        bucket.create()
        made = World(supervisor, nats_server, GcsServer(url, child, bucket, "fragile", "uploads", address))
        fragile = FragileWorld(made, pubsub)
        fragile.make_topic()
        yield fragile
    for each in (*made.started, child, pubsub):
        supervisor.stop(each)


def read_tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def render_manifest(files: dict[str, bytes]) -> bytes:
    """The manifest of these files."""
    return manifest.render(
        {FileName.parse(name): Content(len(data), crc32c.extend(0, data)) for name, data in files.items()}
    )
