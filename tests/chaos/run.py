"""One run: start, let everything come up, go through the plan, end all faults, wait for the desired state, judge."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from events.desired import Desired
from events.names import NodeName
from infra.local.child import Child
from infra.local.faults.rehearsal import Rehearsal, Stage
from tests.chaos import content, goal, said
from tests.chaos.goal import Facts
from tests.chaos.hands import Hands
from tests.chaos.keeper import Keeper
from tests.chaos.observations import Phase, Recovery, Seen
from tests.chaos.plan import MODELS, Delete, Disturb, Operate, Order, Step, Upload, first_uploads, render
from tests.chaos.signing import Signing
from tests.chaos.troubles import Troubles
from tests.chaos.watch import Eyes, read_folder

POLL_SECONDS: Final = 15.0  # of pullers and configurators in a run
PERIODS: Final = 3
BOUND_SECONDS: Final = PERIODS * POLL_SECONDS
WARM_SECONDS: Final = 120.0
REST_SECONDS: Final = 6.0  # of rest before the first fault and after the last one, for samples
LOOK_SECONDS: Final = 0.25
STEADY_SECONDS: Final = 5.0  # as desired counts when it stays so
PATIENCE: Final = 2.0  # a node that is late is waited for this many times the bound, to tell how late it is
SETTINGS: Final = {
    "MM_POLL_SECONDS": f"{POLL_SECONDS:g}",
    "MM_SETTLE_SECONDS": "3",
    "MM_RETENTION": "2",
    "MM_GRACE_SECONDS": "2",
    "MM_RESERVE_MIB": "16",
    "MM_LOAD_SECONDS": "8",
    "MM_RELOAD_SECONDS": "30",
    "MM_SMOKE_SECONDS": "10",
}

Tell = Callable[[float, str], None]


class NotReady(Exception):
    """The cluster did not come up before the first fault."""


class Run:
    """One run on a started rehearsal."""

    def __init__(
        self, rehearsal: Rehearsal, tell: Tell, *, signing: Signing, bound_seconds: float = BOUND_SECONDS
    ) -> None:
        self.rehearsal, self.tell, self._bound_seconds = rehearsal, tell, bound_seconds
        self.seen = Seen()
        self.counts: dict[str, int] = {}
        self.phase = Phase.START
        self._began = time.monotonic()
        stack = self.rehearsal.stack
        names = tuple(stage.name for stage in self.rehearsal.nodes)
        self.hands = Hands(stack.bucket, stack.master_url, names, self.seen, signing)
        self.eyes = Eyes(self.seen, self.now, lambda: self.phase)
        self.keeper = Keeper(self._children(), self.rehearsal.nodes, self.seen, self.now, self._may_crash)
        self.troubles = Troubles(self.rehearsal, self.keeper, self.seen, self.now)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    async def go(self, steps: Sequence[Step], *, until: Awaitable[object]) -> None:
        """Do everything, the steps for as long as `until` takes; afterwards `seen` has all that was seen."""
        async with _running(self._watchers()):
            await asyncio.gather(*(self.hands.upload(step) for step in first_uploads()))
            await self._warm()
            async with _running([self.keeper.run()]):
                began = self.now()
                self.tell(began, "the plan begins")
                await asyncio.gather(*(self._at(began + step.at, step) for step in steps), until)
                await self._calm()
                await self._recover()
                await asyncio.sleep(REST_SECONDS)

    def _watchers(self) -> list[Awaitable[None]]:
        stages = self.rehearsal.nodes
        master = self.rehearsal.stack.master
        others = {"master": lambda: master.pid} if master else {}
        return [
            *(self.eyes.ask(stage, model) for stage in stages for model in MODELS),
            *(self.eyes.follow(stage) for stage in stages),
            self.eyes.measure(stages, others),
            said.accusations(self.rehearsal.stack.nats_url, self.seen, self.now),
        ]

    async def _warm(self) -> None:
        """Wait until every model answers on every node, then rest for the first samples."""
        deadline = self.now() + WARM_SECONDS
        wanted = {(stage.name, model) for stage in self.rehearsal.nodes for model in MODELS}
        while wanted - {(answer.node, answer.model) for answer in self.seen.answers if not answer.error}:
            if self.now() > deadline:
                raise NotReady(f"not every model answered within {WARM_SECONDS:g} s")
            await asyncio.sleep(LOOK_SECONDS)
        self.phase = Phase.BEFORE
        await asyncio.sleep(REST_SECONDS)
        self.phase = Phase.CHAOS

    async def _at(self, at: float, step: Step) -> None:
        await asyncio.sleep(at - self.now())
        self.tell(self.now(), render(step))
        name = type(step).__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        words = await self._do(step)
        self.tell(self.now(), f"ended: {_short(step)}: {words}")

    async def _do(self, step: Step) -> str:
        match step:
            case Upload():
                return await self.hands.upload(step)
            case Delete():
                return await self.hands.delete(step)
            case Operate():
                words = await self.hands.operate(step, now=self.now())
                if step.order is Order.RESTORE:
                    self.hands.restored(step.model, now=self.now())
                return words
            case Disturb():
                return await self.troubles.go_through(step)

    async def _calm(self) -> None:
        """End every fault, whatever became of it."""
        await asyncio.to_thread(self.rehearsal.remote.calm)
        for stage in self.rehearsal.nodes:
            stage.relieve()
            self.tell(self.now(), await self.hands.retry(stage) or f"nothing has to be retried on {stage.name}")
        documents = await said.documents(self.rehearsal.stack.nats_url)
        for model in list(self.hands.removed):
            if not documents.get(model, Desired()).policy.removed:
                self.hands.restored(model, now=self.now())
        self.tell(self.now(), "the last fault has ended")

    async def _recover(self) -> None:
        """Wait for each node to be as desired and to stay so; the time is from the end of the last fault."""
        await asyncio.gather(*(self._recover_one(stage, began=self.now()) for stage in self.rehearsal.nodes))
        self.phase = Phase.AFTER

    async def _recover_one(self, stage: Stage, *, began: float) -> None:
        since, words = None, ""
        while self.now() - began < self._bound_seconds * PATIENCE:
            words = await self._missing(stage, await said.documents(self.rehearsal.stack.nats_url))
            since = None if words else self.now() if since is None else since
            if since is not None and self.now() - since >= STEADY_SECONDS:
                self.tell(self.now(), f"{stage.name} was as desired after {since - began:.1f} s")
                self.seen.recoveries.append(Recovery(stage.name, since - began))
                return
            await asyncio.sleep(LOOK_SECONDS)
        self.tell(self.now(), f"{stage.name} is not as desired: {words}")
        self.seen.recoveries.append(Recovery(stage.name, None, words))

    async def _missing(self, stage: Stage, documents: dict[str, Desired]) -> str:
        """Say what a node lacks."""
        words = []
        for model in MODELS:
            facts = await self._facts(stage, model, documents.get(model, Desired()))
            if lacking := goal.missing(facts):
                words.append(f"{model} {lacking}")
        return "; ".join(words)

    async def _facts(self, stage: Stage, model: str, document: Desired) -> Facts:
        on_disk = await asyncio.to_thread(self._on_disk, stage, model)
        states = self.eyes.statuses.get((stage.name, model), {})
        whole = {version: kind for (name, version), kind in self.hands.kinds.items() if name == model}
        return Facts(
            document.on(NodeName(stage.name)),
            {version: kind.is_servable for version, kind in whole.items() if kind is not content.Kind.HALF},
            on_disk,
            frozenset(version for version, state in states.items() if state == "available"),
            self._has_served(stage.name, model),
        )

    def _has_served(self, node: str, model: str) -> bool:
        """Tell whether a model has answered on a node since an operator last removed it."""
        windows = (one for one in self.seen.windows if (one.node, one.model) == (node, model))
        since = max((one.end or 0.0 for one in windows), default=0.0)
        return any(
            answer.at > since and not answer.error and (answer.node, answer.model) == (node, model)
            for answer in reversed(self.seen.answers)
        )

    def _on_disk(self, stage: Stage, model: str) -> dict[int, bool]:
        found = {}
        for folder in (stage.node.models / model).glob("[0-9]*"):
            if (files := read_folder(folder)) is not None:
                kind = self.hands.by_digest.get((model, int(folder.name), content.digest(files)))
                found[int(folder.name)] = kind is not None and kind.is_servable
        return found

    def _children(self) -> list[Child]:
        stack = self.rehearsal.stack
        around = filter(None, [stack.nats, stack.gcs, stack.pubsub, stack.master, self.rehearsal.proxies])
        return [*around, *(child for stage in self.rehearsal.nodes for child in stage.node.children)]

    def _may_crash(self, node: str) -> bool:
        stage = next(stage for stage in self.rehearsal.nodes if stage.name == node)
        scripts = stage.node.models.glob(f"*/*/{content.SCRIPT}")
        return any(b'"crash": true' in path.read_bytes() for path in scripts)


def _short(step: Step) -> str:
    match step:
        case Disturb():
            return f"{step.fault.value} on {step.node}"
        case Operate():
            return f"{step.order.value} {step.model} {step.version or ''}".rstrip()
        case _:
            return f"{type(step).__name__.lower()} {step.model}/{step.version}"


@asynccontextmanager
async def _running(jobs: Sequence[Awaitable[None]]) -> AsyncIterator[None]:
    """Run jobs beside the block; one that fails is told at its end."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one
