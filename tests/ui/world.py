"""The real stack with two nodes, its uploads, and masters of its own for tests that need tokens or restarts."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from events.names import ModelName, Version
from infra.local import parts, predict
from infra.local.child import Child
from infra.local.node import Node
from infra.local.ports import LOOPBACK
from infra.local.stack import Stack
from infra.local.upload import Upload
from infra.local.versions import CORRUPT, FIRST, LINES, SECOND, write_corrupt, write_scripted
from master.api.auth import Role

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05
NO_PROXY = [("grpc.enable_http_proxy", 0)]
XS = (-2.0, 0.5, 4.0)


@dataclass(frozen=True, slots=True)
class MasterServer:
    """A master beside the stack's own."""

    url: str
    child: Child


class World:
    """What the tests play with."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        write_scripted(folder)
        write_corrupt(folder / str(SECOND), folder / str(CORRUPT))

    @property
    def url(self) -> str:
        """The master that needs no token."""
        return self.stack.master_url

    def upload(self, model: str, version: Version = FIRST) -> None:
        """Upload one of the made versions, its manifest last."""
        Upload(self.stack.bucket, prefix="", model=ModelName(model), version=version).send(self.folder / str(version))

    def serve(self, model: str, *versions: Version) -> None:
        """Upload versions one after the other, and wait until each answers on both nodes, and nothing else does."""
        for version in versions:
            self.upload(model, version)
            for node in self.stack.nodes:
                until(f"{node.name} to answer version {version} of {model}", self.answers(node, model, version))
                until(f"the master to know it of {node.name}", self.serves_only(node.name, model, version))

    def answers(self, node: Node, model: str, version: Version) -> Callable[[], bool]:
        """Tell whether a node's TensorFlow Serving answers with a version, and answers right."""

        def is_so() -> bool:
            with grpc.insecure_channel(node.serving_address, options=NO_PROXY) as channel:
                try:
                    found = PredictionServiceStub(channel).Predict(predict.request(model, XS), timeout=5)
                except grpc.RpcError:
                    return False
            values = tuple(found.outputs["y"].float_val)
            return found.model_spec.version.value == version and values == LINES[version].at(XS)

        return is_so

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> str:
        """Ask the master's API."""
        answer = httpx.request(method, f"{self.url}{path}", json=body, timeout=WAIT_SECONDS, trust_env=False)
        assert answer.is_success, answer.text
        return answer.text

    def cell(self, model: str, node: str) -> str:
        """How a model is on a node; nothing while nobody knows of it."""
        return str(self._cell(model, node).get("state", ""))

    def serves_only(self, node: str, model: str, version: Version) -> Callable[[], bool]:
        """Tell whether the master knows that a version is served and no other is any more."""
        return lambda: self._cell(model, node).get("serving") == [version]

    def _cell(self, model: str, node: str) -> Mapping[str, object]:
        answer = httpx.get(f"{self.url}/v1/models/{model}/nodes/{node}", timeout=WAIT_SECONDS, trust_env=False)
        return dict(answer.json()) if answer.is_success else {}

    def start_master(self, settings: Mapping[str, str] = {}) -> MasterServer:
        """Start one more master over the same NATS."""
        port = self.stack.supervisor.ports.reserve()
        command = parts.master(port, {"MM_NATS_URL": self.stack.nats_url, **settings})
        child = self.stack.supervisor.start(command)
        return MasterServer(f"http://{LOOPBACK}:{port}", child)


def tokens() -> dict[str, str]:
    """Settings of a master that knows a token for each role; the token is the role's name."""
    entries = (f"{role}-1:{role}:{hashlib.sha256(role.encode()).hexdigest()}" for role in Role)
    return {"MM_TOKENS": ",".join(entries)}


def until(what: str, is_so: Callable[[], object], *, seconds: float = WAIT_SECONDS) -> None:
    """Wait for something outside the browser."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(LOOK_SECONDS)


def change(world: World, model: str, wish: Mapping[str, object]) -> None:
    """Change what is wanted of a model, as another operator does."""
    world.ask("POST", f"/v1/models/{model}/changes", {"change": wish})
