"""Eyes on the cluster: they ask TensorFlow Serving, read the disk and /proc, and ask no service of ours anything."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from infra.local.faults.rehearsal import Stage
from infra.local.predict import request
from service.layout import OWN
from tests.chaos import content
from tests.chaos.observations import Answer, Ended, Look, Phase, Place, Sample, Seen
from tests.chaos.plan import MODELS
from tests.chaos.processes import measure

ASK_SECONDS: Final = 0.05
STATUS_SECONDS: Final = 0.2
REREAD_SECONDS: Final = 3.0  # what serves is read again
SAMPLE_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 15.0  # a Predict that takes longer is no answer; half of it would do on an idle machine
STATES: Final = {10: "starting", 20: "loading", 30: "available", 40: "unloading", 50: "ended"}
IN_MEMORY: Final = frozenset({"loading", "available"})
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)


@dataclass(slots=True)
class Eyes:
    """All that watches; `now` is the run's clock, `phase` where in the run we are."""

    seen: Seen
    now: Callable[[], float]
    phase: Callable[[], Phase]
    read: dict[Place, tuple[float, str]] = field(default_factory=dict)  # when, and which folder
    statuses: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)
    lives: dict[tuple[str, str], int] = field(default_factory=dict)  # the process that said so

    async def ask(self, stage: Stage, model: str) -> None:
        """Ask a model of a node for its newest version again and again, as an application does."""
        asked = request(model, content.XS)
        async with grpc.aio.insecure_channel(stage.node.serving_address, options=OPTIONS) as channel:
            stub = PredictionServiceStub(channel)
            while True:
                began = self.now()
                try:
                    answer = await stub.Predict(asked, timeout=ANSWER_SECONDS)
                except grpc.aio.AioRpcError as error:
                    words = f"{error.code().name}: {error.details()}"[:300]
                    self.seen.answers.append(Answer(began, self.now(), stage.name, model, error=words))
                else:
                    values = tuple(answer.outputs["y"].float_val)
                    same = round(values[0]) if len(set(values)) == 1 else -1
                    version = answer.model_spec.version.value
                    self.seen.answers.append(Answer(began, self.now(), stage.name, model, version, same))
                await asyncio.sleep(ASK_SECONDS)

    async def follow(self, stage: Stage) -> None:
        """Ask TensorFlow Serving which versions it was told to serve, and read those on disk."""
        async with grpc.aio.insecure_channel(stage.node.serving_address, options=OPTIONS) as channel:
            stub = ModelServiceStub(channel)
            while True:
                for model in MODELS:
                    await self._follow(stage, model, stub)
                await asyncio.sleep(STATUS_SECONDS)

    async def measure(self, stages: tuple[Stage, ...], others: dict[str, Callable[[], int]]) -> None:
        """Take samples of what everything takes up."""
        pids = {
            f"{service}-{stage.name}": _pid(stage, service)
            for stage in stages
            for service in ("puller", "configurator")
        }
        while True:
            for name, pid in {**pids, **others}.items():
                with contextlib.suppress(OSError):  # it is just being started anew
                    self._sample(name, pid(), measure(pid()))
            for stage in stages:
                self._sample(f"disk of {stage.name}", 0, folders(stage.node.models))
            await asyncio.sleep(SAMPLE_SECONDS)

    def _sample(self, name: str, life: int, values: dict[str, float]) -> None:
        self.seen.samples.append(Sample(self.now(), name, life, values, self.phase()))

    async def _follow(self, stage: Stage, model: str, stub: ModelServiceStub) -> None:
        life = stage.node.serving.pid
        try:
            asked = GetModelStatusRequest(model_spec=ModelSpec(name=model))
            answer = await stub.GetModelStatus(asked, timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                return
            lines = []
        else:
            lines = list(answer.model_version_status)
        states = {int(line.version): STATES.get(line.state, "unknown") for line in lines}
        self._compare((stage.name, model), states, life=life)
        for version, state in states.items():
            if state in IN_MEMORY:
                self.seen.told.add((stage.name, model, version))
                await self._read(stage, (stage.name, model, version), state=state)

    def _compare(self, key: tuple[str, str], states: dict[int, str], *, life: int) -> None:
        """Note what has ended since the last time."""
        is_new_life = self.lives.get(key, life) != life
        for version, state in self.statuses.get(key, {}).items():
            if state != "ended" and (is_new_life or states.get(version, "ended") == "ended"):
                self.seen.ends.append(Ended(self.now(), (*key, version)))
        self.statuses[key], self.lives[key] = states, life

    async def _read(self, stage: Stage, place: Place, *, state: str) -> None:
        folder = stage.node.models / place[1] / str(place[2])
        last, last_folder = self.read.get(place, (float("-inf"), ""))
        which = _which(folder)
        if not which or (which == last_folder and self.now() - last < REREAD_SECONDS):
            return  # not on disk any more, which is nobody's business as long as it serves from memory
        found = await asyncio.to_thread(read_folder, folder)
        if found is None or _which(folder) != which:
            return  # it was taken away while we read
        self.read[place] = (self.now(), which)
        self.seen.looks.append(Look(self.now(), place, which, content.digest(found), state))


def read_folder(folder: Path) -> dict[str, bytes] | None:
    """All files of a version; None where one vanished under our hands."""
    found = {}
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    except FileNotFoundError:
        return None
    return found


def folders(models: Path) -> dict[str, float]:
    """What lies in the folders that must not fill up."""
    own = models / OWN
    return {"staged": float(_count(own / "stage", "*/*")), "trash": float(_count(own / "trash", "*"))}


def _count(folder: Path, pattern: str) -> int:
    return sum(1 for _ in folder.glob(pattern))


def _which(folder: Path) -> str:
    """Which folder of this name it is: inodes are used again, so the time of its last change tells besides."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_ino} {found.st_ctime_ns}"


def _pid(stage: Stage, service: str) -> Callable[[], int]:
    return lambda: stage.service(service).pid
