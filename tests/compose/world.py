"""The running containers as a client sees them: the bucket, both nodes' TensorFlow Serving, the master's API.

The same inside the `tests` container and on the host; only the addresses differ, and those come from the environment.
"""

import http.client
import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import grpc
from pydantic import BaseModel
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from events.names import ModelName, Version
from infra.docker.line import Line, write
from infra.local.bucket import Bucket
from infra.local.predict import request
from infra.local.upload import Upload
from master.answers import Gathered, Made, Timeline
from master.fleet.views import CellView, NodeView, Overview

T = TypeVar("T")
V = TypeVar("V", bound=BaseModel)
ANSWER_SECONDS = 20.0
REQUEST_SECONDS = 60.0
EVENTUALLY_SECONDS = 120.0
POLL_SECONDS = 0.1
# No proxy of the environment may stand before containers on this machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Refusal(Exception):
    """The master refused a request; the problem document's words and status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Serving:
    """A node's TensorFlow Serving."""

    node: str
    host: str
    grpc_port: int
    rest_port: int

    def predict(self, model: str, x: float) -> float:
        """Ask over gRPC, naming no version; `grpc.RpcError` where it does not answer."""
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(f"{self.host}:{self.grpc_port}", options=options) as channel:
            answer = PredictionServiceStub(channel).Predict(request(model, [x]), timeout=ANSWER_SECONDS)
        return float(answer.outputs["y"].float_val[0])

    def predict_rest(self, model: str, x: float, *, label: str = "") -> float:
        """Ask over REST, by label or naming no version."""
        path = f"/v1/models/{model}/labels/{label}:predict" if label else f"/v1/models/{model}:predict"
        url, body = f"http://{self.host}:{self.rest_port}{path}", json.dumps({"instances": [x]}).encode()
        with _open(urllib.request.Request(url, body), timeout=ANSWER_SECONDS) as response:
            return float(json.load(response)["predictions"][0])

    def answers(self, model: str, line: Line, *, x: float = 3.0) -> bool:
        """Whether gRPC and REST both give this line's answer now."""
        try:
            given = (self.predict(model, x), self.predict_rest(model, x))
        except (grpc.RpcError, OSError, http.client.HTTPException):
            return False
        return all(abs(value - line.at(x)) < 1e-3 for value in given)


class World:
    """Everything a test talks to."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._master_url = environment["MM_MASTER_URL"]
        self._token = environment["MM_TOKEN"]
        self.nodes = {one.node: one for one in map(_serving, environment["MM_SERVING"].split(","))}
        self.bucket = Bucket(
            environment["MM_GCS_URL"], name=environment["MM_BUCKET"], project=environment["MM_PROJECT"]
        )

    # --- the bucket

    def upload(
        self,
        model: str,
        version: int,
        line: Line,
        *,
        with_manifest: bool = True,
        with_smoke: bool = False,
        size: int = 0,
    ) -> None:
        """Make a version that answers a line, of so many bytes at least, and upload it."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / str(version)
            write(line, folder, with_smoke=with_smoke, padding=size)
            self.upload_folder(model, version, folder, with_manifest=with_manifest)

    def upload_folder(self, model: str, version: int, folder: Path, *, with_manifest: bool = True) -> None:
        """Upload a folder as a version."""
        sending = Upload(self.bucket, prefix="", model=ModelName(model), version=Version(version))
        sending.send(folder, with_manifest=with_manifest)

    # --- the master

    def get(self, path: str, kind: type[V]) -> V:
        """Read something of the master."""
        return kind.model_validate_json(self.ask("GET", path))

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> bytes:
        """Send the master a request as it stands; `Refusal` where it does not like it."""
        headers = {"Content-Type": "application/json"}
        if secret := self._token if token is None else token:
            headers["Authorization"] = f"Bearer {secret}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self._master_url}{path}", data, headers, method=method)  # noqa: S310 - a test's own address
        try:
            with _open(asked, timeout=REQUEST_SECONDS) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise Refusal(error.code, error.read().decode()) from error

    def change(self, model: str, *, dry_run: bool = False, nodes: list[str] | None = None, **change: object) -> Made:
        """Order a change of desired state."""
        body = {"change": change, "dry_run": dry_run, "nodes": nodes}
        return Made.model_validate_json(self.ask("POST", f"/v1/models/{model}/changes", body))

    def command(self, name: str, **fields: object) -> Gathered:
        """Have the nodes follow a command."""
        return Gathered.model_validate_json(self.ask("POST", f"/v1/commands/{name}", fields))

    def cell(self, model: str, node: str) -> CellView | None:
        """How a model is on a node; None while the master does not know it."""
        try:
            return self.get(f"/v1/models/{model}/nodes/{node}", CellView)
        except Refusal as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise
            return None

    def node(self, name: str) -> NodeView:
        return self.get(f"/v1/nodes/{name}", NodeView)

    def overview(self) -> Overview:
        return self.get("/v1/overview", Overview)

    def timeline(self, model: str, version: int) -> Timeline:
        return self.get(f"/v1/models/{model}/versions/{version}", Timeline)

    # --- what tests wait for

    def wait_answers(self, node: str, model: str, line: Line) -> None:
        """Wait until a node gives a line's answers; a crowded machine may take its time."""
        eventually(partial(self.nodes[node].answers, model, line), f"{node} answers for {model}: {line}")

    def wait_served(self, model: str, version: int, line: Line, *, on: tuple[str, ...] = ()) -> None:
        """Wait until nodes, all where none is named, give a version's answers and the master says so."""
        for node in on or self.nodes:
            self.wait_answers(node, model, line)
            self.wait_cell(model, node, state="serving", serving=(version,))

    def wait_cell(self, model: str, node: str, *, state: str, serving: tuple[int, ...] | None = None) -> CellView:
        """Wait until the master shows a model on a node like this."""
        seen: list[CellView] = []

        def is_so() -> bool:
            cell = self.cell(model, node)
            seen[:] = [cell] if cell else []
            return cell is not None and cell.state == state and serving in {None, cell.serving}

        eventually(is_so, f"{model} on {node} is {state} {serving or ''}", seen=lambda: seen)
        return seen[0]


def _serving(text: str) -> Serving:
    """Read NODE=HOST:GRPC_PORT/REST_PORT."""
    node, _, address = text.partition("=")
    host, _, ports = address.rpartition(":")
    grpc_port, _, rest_port = ports.partition("/")
    return Serving(node, host, int(grpc_port), int(rest_port))


def eventually(
    condition: Callable[[], object],
    what: str,
    *,
    seconds: float = EVENTUALLY_SECONDS,
    seen: Callable[[], object] = lambda: "",
) -> None:
    """Return when the condition is true; fail with what was seen last when it is not within the time.

    Whoever does not answer at all is asked again.
    """
    deadline = time.monotonic() + seconds
    while not _looked(condition):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {_looked(seen)}")
        time.sleep(POLL_SECONDS)


def _looked(look: Callable[[], object]) -> object:
    try:
        return look()
    except OSError as error:
        sys.stderr.write(f"asked in vain: {error}\n")
        return None


def new_model(kind: str) -> str:
    """A model's name that nobody has used."""
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def from_environment() -> World:
    """The world the environment names."""
    return World(os.environ)
