"""A configurator process and the compatible server over one models directory."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from events import subjects
from events.desired import Desired, Policy
from events.messages import VersionPublished
from events.names import ModelName
from events.status import ConfiguratorReport, ServedModel
from infra.local.supervisor import Supervisor
from service.layout import Layout
from tests.support import serving as compatible
from tests.support.configurator import MODEL, NODE, publish

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 40.0
FLAGS = (
    "--file_system_poll_wait_seconds=1",
    "--num_load_threads=2",
    "--num_unload_threads=1",
    "--max_num_load_retries=0",
    "--allow_version_labels_for_unavailable_models=true",
)


class Node:
    """The two processes, and what a test does to them."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.models.mkdir()
        self.layout = Layout(self.models)
        self.config_file = self.models / "models.config"
        self.config_file.write_text("model_config_list {}\n")
        self.address = f"127.0.0.1:{port}"
        self._port = port
        self._serving: subprocess.Popen[bytes] | None = None
        self._configurator: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start_serving(self, *flags: str, config_file: bool = True) -> None:
        """Start the compatible server on its port; it listens when its models have loaded."""
        file = (f"--model_config_file={self.config_file}",) if config_file else ()
        command = [sys.executable, "-m", "infra.tfserving", "--bind_address=127.0.0.1", "--loader=scripted"]
        command += [f"--port={self._port}", *file, *FLAGS, *flags]
        with (self.folder / "serving.log").open("ab") as log:
            self._serving = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill_serving(self) -> None:
        """End it without warning."""
        assert self._serving
        self._serving.kill()
        self._serving.wait()

    @property
    def serving_has_ended(self) -> bool:
        """Whether it ended by itself."""
        assert self._serving
        return self._serving.poll() is not None

    def want(self, *, model: str = MODEL, **policy: object) -> None:
        """Write desired state where the configurator finds it at its start."""
        document = Desired(policy=Policy.model_validate(policy))
        path = self.layout.desired("configurator")
        path.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, model: document.model_dump(mode="json")}))

    def start_configurator(self, **settings: object) -> None:
        """Start the configurator, without NATS."""
        chosen = {"poll_seconds": 0.5, "grace_seconds": 1, "reserve_mib": 0, "retention": 2, **settings}
        environment = {
            **os.environ,
            "MM_NODE": NODE,
            "MM_NATS_URL": "nats://127.0.0.1:1",
            "MM_MODELS_DIR": str(self.models),
            "MM_SERVING_ADDRESS": self.address,
            "MM_HTTP_PORT": "0",
            "MM_LOG_FORMAT": "json",
            **{f"MM_{name.upper()}": str(value) for name, value in chosen.items()},
        }
        log = self.folder / f"configurator-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            self._configurator = subprocess.Popen(
                [sys.executable, "-m", "configurator"], cwd=ROOT, env=environment, stderr=output
            )
        compatible.until(lambda: b"service started" in log.read_bytes(), what="the configurator listens")
        line = next(line for line in log.read_text().splitlines() if "service started" in line)
        self.url = f"http://{json.loads(line)['http']}"

    @property
    def published_subject(self) -> str:
        """Where the puller of this node tells of a published version."""
        return subjects.event(NODE, "puller", VersionPublished.type, (MODEL, None))

    def kill_configurator(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        assert self._configurator
        self._configurator.send_signal(number)
        self._configurator.wait()

    def publish(self, version: int, *, model: str = MODEL, seed: int = 0, **script: object) -> Path:
        """Put a version on disk, as the puller does."""
        return publish(self.layout, ModelName(model), version, script=script, seed=seed)

    def report(self) -> ConfiguratorReport:
        """Ask for /status."""
        with urllib.request.urlopen(f"{self.url}/status", timeout=5) as answer:  # noqa: S310 - our own address
            return ConfiguratorReport.model_validate_json(answer.read())

    def readiness(self) -> tuple[int, str]:
        """Ask for /readyz: the status, and what it says up to the cause."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            return error.code, said.partition(": failed to connect")[0]

    def model(self, name: str = MODEL) -> ServedModel:
        """Return a model's part of the report; empty if it is not there."""
        return self.report().models.get(ModelName(name), ServedModel(desired=(), serving=()))

    def serves(self, *versions: int, model: str = MODEL) -> bool:
        """Tell whether exactly these versions are served, confirmed and written down."""
        found, written = self.model(model), self.config_file.read_text()
        is_written = all(f"versions: {version}" in written for version in versions)
        return found.serving == versions and not found.difference and is_written

    def until(self, condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"gave up waiting; {self.report().model_dump_json(indent=1)}"
            time.sleep(0.02)

    def log(self) -> str:
        """Return what all configurators have said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("configurator-*.log")))

    def stop(self) -> None:
        """End both."""
        for process in (self._configurator, self._serving):
            if process and process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def bare_node(tmp_path: Path, supervisor: Supervisor) -> Iterator[Node]:
    """Both are still to be started."""
    node = Node(tmp_path, supervisor.ports.reserve())
    yield node
    node.stop()


@pytest.fixture
def node(bare_node: Node) -> Node:
    """Both run."""
    bare_node.start_serving()
    bare_node.start_configurator()
    return bare_node
