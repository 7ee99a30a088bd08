"""A puller's passes on a real disk and fakes, driven by the real loop on virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from events import manifest
from events.desired import Desired, DesiredState, Policy
from events.manifest import Content
from events.messages import Event
from events.names import FileName, ModelName, NodeName, Version
from events.status import PulledVersion, Stage
from puller.bucket.completeness import Rules
from puller.bucket.limits import Limits
from puller.bucket.observed import Key, ObservedVersions
from puller.disk import crc32c, extending, leftovers, publication, room
from puller.disk.contents import Observer
from puller.download.dependencies import DownloadDependencies
from puller.download.jobs import Downloads
from puller.download.model_quota import ModelQuota
from puller.download.trust import Trust
from puller.notifications.handler import NotificationHandler, Uploads
from puller.notifications.hints import Hints
from puller.reconcile import Dependencies, Reconciler
from puller.status import Ledger
from puller.survey import Survey
from service import warmup
from service.connection_state import ConnectionState
from service.errors import Transient
from service.health import Health
from service.isolation import Each
from service.layout import Layout, Receipt
from service.loop import Timing, Wakeup, run
from service.saved_model import Needs
from service.signatures.policy import Mode
from tests.fakes.bucket import EPOCH
from tests.fakes.puller import CountingBucket, FakeFetcher, FakeStream

T = TypeVar("T")
MODEL = ModelName("m")
FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"x",
}


def now() -> datetime:
    """The virtual time of day."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


def render_manifest(files: Mapping[str, bytes]) -> bytes:
    """The manifest of these files."""
    return manifest.render(
        {FileName.parse(name): Content(len(data), crc32c.extend(0, data)) for name, data in files.items()}
    )


async def at_once(call: Callable[[], T], /) -> T:
    """Do without threads: virtual time does not wait for them."""
    return call()


Story = Callable[["Puller"], Awaitable[None]]


class Tell(Protocol):
    """Tells a story about a puller with these fields."""

    def __call__(self, story: Story, **settings: object) -> None: ...


@dataclass
class Puller:
    """A puller on virtual time; make it inside the loop."""

    folder: Path
    bucket: CountingBucket = field(default_factory=CountingBucket)
    poll_seconds: float = 300.0
    parallel: int = 4
    stream: FakeStream = field(default_factory=FakeStream)
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    needs: Needs = Needs(variables=True, assets=frozenset())  # noqa: RUF009 - frozen
    signatures: Mode = "off"
    signature_policy: Path | None = None

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.layout = Layout(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.wakeup, self.health = Wakeup(), Health(loop.time)
        self.events: list[Event] = []
        self.room_requests = 0
        self.sweep_error: Transient | None = None
        self.broken: dict[tuple[str, str], Exception] = {}  # step and model -> what the step raises
        self.policies: dict[ModelName, Policy] = {}
        self.hints = Hints(self.wakeup.wake, loop.time)
        self.fetcher = FakeFetcher(self.bucket, self.layout)
        self.observed = ObservedVersions(self.bucket, rules=Rules(limits=self.limits), clock=now)
        self.trust = Trust(self.bucket, mode=self.signatures, folder=self.signature_policy, aside=at_once)
        quota = ModelQuota(self.fetcher, held=self._held, model_bytes=self.limits.model_bytes)
        self.downloads = Downloads(quota, self.observed, self._dependencies(), parallel=self.parallel)
        self.ledger = Ledger(emit=self._emit, on_change=lambda: None)
        self.link = ConnectionState("bucket", clock=now, on_change=lambda: None)
        uploads = Uploads(self.events.append, loop.time, loop.call_later)
        self.handler = NotificationHandler("bucket", "", self.hints, uploads, tell_peers=lambda _: None)
        self.reconciler = Reconciler(self._tools(), poll_seconds=self.poll_seconds)

    async def _held(self, model: ModelName) -> int:
        return room.held(self.layout, model)

    def _dependencies(self) -> DownloadDependencies:
        async def seal(receipt: Receipt) -> None:
            self._break("seal", receipt.model)
            publication.seal(self.layout, receipt)

        async def publish(receipt: Receipt) -> None:
            self._break("publish", receipt.model)
            publication.publish(self.layout, receipt)

        async def extend(receipt: Receipt, names: Collection[FileName]) -> None:
            self._break("extend", receipt.model)
            extending.extend(self.layout, receipt, names)

        async def read_needs(graph: Path) -> Needs:
            self._break("read_needs", graph.parent.parent.name)
            return self.needs

        async def check_warmup(version: Path, needs: Needs | None) -> None:
            self._break("check_warmup", version.parent.name)
            warmup.refuse(version, needs)

        return DownloadDependencies(
            stage=self.layout.stage,
            trust=self.trust,
            read_needs=read_needs,
            check_warmup=check_warmup,
            seal=seal,
            publish=publish,
            extend=extend,
            emit=self._emit,
            on_end=self.hints.think_about,
            clock=now,
            ask_for_room=self._ask_for_room,
        )

    def _tools(self) -> Dependencies:
        async def sweep(keep: Collection[Key]) -> Each[Path, bool]:
            if self.sweep_error:
                raise self.sweep_error
            return leftovers.sweep(self.layout, keep=keep)

        return Dependencies(
            observer=Observer(self.layout),
            survey=Survey(self.observed, self.link, self.stream, now),
            downloads=self.downloads,
            ledger=self.ledger,
            hints=self.hints,
            desired=self._desired,
            sweep=sweep,
            clock=now,
            monotonic=asyncio.get_running_loop().time,
        )

    def _desired(self) -> DesiredState:
        documents = {model: Desired(policy=policy) for model, policy in self.policies.items()}
        return DesiredState(NodeName("node"), documents)

    def _break(self, step: str, model: str) -> None:
        if error := self.broken.get((step, model)):
            raise error

    def _emit(self, event: Event) -> None:
        self._break("emit", str(getattr(event, "model", "")))
        self.events.append(event)

    def _ask_for_room(self) -> None:
        self.room_requests += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the loop of passes; `await asyncio.sleep(...)` inside lets virtual time go by."""
        timing = Timing(poll_seconds=self.poll_seconds)
        jobs = (
            run(self.reconciler.one_pass, wakeup=self.wakeup, timing=timing, health=self.health),
            self.downloads.run(),
            self.trust.run(lambda: self.downloads.try_again(Stage.UNTRUSTED)),
        )
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def upload(
        self,
        version: int,
        *,
        model: str = MODEL,
        files: Mapping[str, bytes] = FILES,
        with_manifest: bool = True,
        notify: bool = True,
    ) -> None:
        """Write a version's files, the manifest last, each announced like Cloud Storage does."""
        written = dict(files) | ({"manifest.json": render_manifest(files)} if with_manifest else {})
        for name, data in written.items():
            attributes = self.write(f"{model}/{version}/{name}", data)
            if notify:
                self.handler.receive(attributes)

    def write(self, name: str, data: bytes) -> dict[str, str]:
        """Write an object; the attributes of its notification."""
        generation = self.bucket.write(name, data, updated=now())
        return {
            "eventType": "OBJECT_FINALIZE",
            "bucketId": "bucket",
            "objectId": name,
            "objectGeneration": str(generation),
        }

    def is_ready(self) -> bool:
        """Whether a pass has succeeded."""
        return self.health.is_ready

    def is_connected(self) -> bool:
        """Whether the bucket answers."""
        return self.link.state.is_connected

    def version(self, version: int, model: str = MODEL) -> PulledVersion | None:
        """One version of the report."""
        entries = self.ledger.models(self.downloads.progress).get(ModelName(model), [])
        return next((entry for entry in entries if entry.version == version), None)

    def state(self, version: int, model: str = MODEL) -> str:
        """A version's state in the report; empty where it is not there."""
        entry = self.version(version, model)
        return entry.state.value if entry else ""

    def published(self, model: str = MODEL) -> list[int]:
        """The versions on disk."""
        folder = self.layout.model(ModelName(model))
        return sorted(int(path.name) for path in folder.iterdir()) if folder.exists() else []

    def remove(self, version: int, model: str = MODEL) -> None:
        """Take a version off the disk, as the configurator does."""
        self.layout.version(ModelName(model), Version(version)).rename(self.layout.own / f"gone-{model}-{version}")

    def emitted(self, kind: type[Event]) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
