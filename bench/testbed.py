"""The servers a puller needs, without the rest of a node: NATS and a GCS server, and pullers that come and go.

Versions are uploaded once, by a child process that can be ended at any moment; then the GCS server is started anew,
because it keeps in memory what was uploaded to it. Models stay out of reach (removed by desired state) until a
benchmark lets a puller have them: so the clock starts at a puller that is up and has seen the bucket.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client

from events import subjects
from events.desired import Desired, Policy
from events.names import ModelName, NodeName
from infra.local import node, parts, programs
from infra.local.bucket import Bucket
from infra.local.child import Child, Command
from infra.local.node import NodePlan
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from service import jetstream
from service.desired import DesiredStore
from service.layout import Layout
from service.watch import Entry

BUCKET = "models"
NODE = NodeName("bench")
UPLOAD_SECONDS = 300.0
WARM_BYTES = 1024 * 1024
REMOVED = Desired(policy=Policy(removed=True))


class Unfit(Exception):
    """This machine cannot hold what shall be measured."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """Running servers and an empty bucket."""

    supervisor: Supervisor
    gcs: Child
    gcs_port: int
    gcs_folder: Path
    nats_url: str
    bucket: Bucket
    gcs_host: str = LOOPBACK

    @property
    def gcs_url(self) -> str:
        """Where the GCS server answers."""
        return f"http://{self.gcs_host}:{self.gcs_port}"

    def upload(self, folder: Path, model: ModelName, version: int) -> None:
        """Upload a folder as a version, the manifest last."""
        last = f"/storage/v1/b/{BUCKET}/o/{model}%2F{version}%2Fmanifest.json"
        argv = ("-m", "master.cli", "publish", str(folder), f"gs://{BUCKET}/{model}/{version}")
        child = self.supervisor.start(
            Command(
                "upload",
                (str(programs.python()), *argv),
                ready=http_ok(self.gcs_port, last, host=self.gcs_host),
                environment={"STORAGE_EMULATOR_HOST": self.gcs_url},
                ready_seconds=UPLOAD_SECONDS,
            )
        )
        self.supervisor.stop(child)

    def objects(self, prefix: str) -> dict[str, int]:
        """The size of each object below a prefix, by the rest of its name."""
        listed = self.bucket.client.list_blobs(BUCKET, prefix=prefix)
        return {str(blob.name).removeprefix(prefix): int(blob.size) for blob in listed}

    def forget_uploads(self) -> None:
        """Start the GCS server anew: it holds several times what was uploaded to it."""
        self.gcs.restart()

    def warm(self) -> None:
        """Read everything the GCS server has, so that every way to fetch it finds it in the page cache."""
        buffer = bytearray(WARM_BYTES)
        for path in self.gcs_folder.rglob("*"):
            if path.is_file():
                with path.open("rb", buffering=0) as file:
                    while file.readinto(buffer):
                        pass

    def fill_memory(self) -> None:
        """Use as much memory as all objects take, and free it again, right before something is timed.

        A virtual machine may hand freed pages back to its host after two seconds, and getting them again costs several
        times what a fetch does: 3 s for 900 MB here. Whoever fetched some seconds after another one paid for that.
        """
        left = sum(path.stat().st_size for path in self.gcs_folder.rglob("*") if path.is_file())
        buffer = bytes(WARM_BYTES)
        with tempfile.TemporaryFile(dir=self.gcs_folder.parent, buffering=0) as file:
            while left > 0:
                left -= file.write(buffer)

    def plan(self, settings: Mapping[str, str] | None = None) -> NodePlan:
        """Plan a node of its own with an empty models folder."""
        own = {"MM_NATS_URL": self.nats_url, "MM_BUCKET": BUCKET, "STORAGE_EMULATOR_HOST": self.gcs_url}
        folder = self.supervisor.new_folder("node")
        return node.plan(NODE, folder=folder, ports=self.supervisor.ports, settings={**own, **(settings or {})})

    def start_puller(self, plan: NodePlan) -> Child:
        """Start the real program and return it when its first pass has succeeded."""
        command = node.service(plan, "puller", port=plan.puller_port)
        return self.supervisor.start(replace(command, ready=http_ok(plan.puller_port, "/readyz")))


@contextmanager
def site(supervisor: Supervisor, *, in_memory: bool = False) -> Iterator[Testbed]:
    """Start the servers; they end with the supervisor. A bucket in memory is listed fast, and is lost by a restart."""
    ports, folder = supervisor.ports, supervisor.new_folder("gcs")
    nats_port, gcs_port = ports.reserve(), ports.reserve()
    supervisor.start(parts.nats(supervisor.new_folder("nats"), nats_port, ports.reserve()))
    if not (in_memory or parts.keeps_attributes(folder)):
        raise Unfit(f"{folder} keeps no user attributes, which the GCS server needs; set TMPDIR to a folder that does")
    events = parts.Events(0, project="", topic="")
    gcs = supervisor.start(parts.gcs(folder, gcs_port, events=events, in_memory=in_memory))
    url = f"http://{LOOPBACK}:{gcs_port}"
    with Bucket(url, name=BUCKET, project="bench") as bucket:
        bucket.create()
        yield Testbed(supervisor, gcs, gcs_port, folder, f"nats://{LOOPBACK}:{nats_port}", bucket)


async def desire(client: Client, model: ModelName, document: Desired) -> None:
    """Write a model's desired state, as an operator does."""
    bucket = await jetstream.bucket(client.jetstream(), subjects.DESIRED_BUCKET)
    await bucket.put(subjects.desired_key(model), document.model_dump_json().encode())


def know_beforehand(plan: NodePlan, documents: Mapping[ModelName, Desired]) -> None:
    """Leave the node a copy of desired state, as if it had seen NATS before."""
    store = DesiredStore(NodeName(plan.name), layout=Layout(plan.models), service="puller", on_change=_nobody)
    keys = {subjects.desired_key(model): doc.model_dump_json().encode() for model, doc in documents.items()}
    store.show({key: Entry(key, value, 1, datetime.now(UTC)) for key, value in keys.items()})


def _nobody() -> None:
    """Tell nobody of a change: no loop waits for it."""
