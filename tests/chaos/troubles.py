"""Faults in their time: each begins, lasts and ends, and says which silence it excuses."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from infra.local.child import Child
from infra.local.faults import points
from infra.local.faults.link import Mode
from infra.local.faults.mischief import BucketFaults
from infra.local.faults.rehearsal import Rehearsal, Stage
from infra.local.faults.trouble import NONE, Trouble
from service.layout import OWN
from tests.chaos import noise
from tests.chaos.keeper import Keeper
from tests.chaos.observations import Lie, Pause, Seen, Window
from tests.chaos.plan import Disturb, Fault

BUCKET: Final[dict[Fault, BucketFaults]] = {
    Fault.BUCKET_ERRORS: BucketFaults(error=0.4),
    Fault.BUCKET_AWAY: BucketFaults(error=1.0),
    Fault.BUCKET_RESETS: BucketFaults(reset=0.4),
    Fault.BUCKET_STALLS: BucketFaults(stall=0.15, stall_seconds=3.0),
    Fault.BUCKET_CUTS: BucketFaults(truncate=0.4),
    Fault.BUCKET_FLIPS: BucketFaults(flip=0.5),
    Fault.BUCKET_LENGTHS: BucketFaults(wrong_length=0.4),
    Fault.BUCKET_DRIPS: BucketFaults(drip=0.5, drip_seconds=1.0),
    Fault.BUCKET_STALE: BucketFaults(stale=0.5),
    Fault.BUCKET_TOKENS: BucketFaults(expire=0.3, page=2),
    Fault.BUCKET_REPLACES: BucketFaults(replace=0.3),
    Fault.BUCKET_MIXED: BucketFaults(
        error=0.1,
        reset=0.1,
        truncate=0.1,
        flip=0.1,
        wrong_length=0.1,
        drip=0.1,
        stale=0.1,
        replace=0.05,
        page=3,
        drip_seconds=0.5,
    ),
}
LINKS: Final = {
    Fault.LINK_HOLE: Mode.BLACK_HOLE,
    Fault.LINK_GARBAGE: Mode.GARBAGE,
    Fault.LINK_REFUSE: Mode.REFUSE,
}
VANISHING: Final = ("stage/*/*/**/*", "stage/*/*.journal", "desired.*.json", "last-good.config", "quarantine/*/*.json")


@dataclass(slots=True)
class Troubles:
    """Does what `Disturb` says, and undoes it."""

    rehearsal: Rehearsal
    keeper: Keeper
    seen: Seen
    now: Callable[[], float]
    done: dict[Fault, int] = field(default_factory=dict)
    spoilt: Counter[str] = field(default_factory=Counter)  # what the bucket proxy did to requests

    async def go_through(self, step: Disturb) -> str:
        """Begin a fault, wait, end it; what is to be said of it."""
        dice = random.Random(step.detail)  # noqa: S311 - repeatable on purpose
        stage = next(stage for stage in self.rehearsal.nodes if stage.name == step.node)
        async with self._fault(step, stage, dice) as words:
            await asyncio.sleep(step.seconds)
        self.done[step.fault] = self.done.get(step.fault, 0) + 1
        return words

    @asynccontextmanager
    async def _fault(self, step: Disturb, stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        group = step.fault.value.partition(":")[0]
        around = {
            "bucket": self._bucket,
            "notifications": self._news,
            "neighbour": self._neighbour,
            "disk": self._layer,
            "clock": self._layer,
            "TensorFlow Serving": self._serving,
        }.get(group, self._process)
        async with around(step, stage, dice) as words:
            yield words

    @asynccontextmanager
    async def _bucket(self, step: Disturb, _stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        faults = BUCKET[step.fault]
        values = {name: getattr(faults, name) for name in faults.__slots__}
        remote = self.rehearsal.remote
        await asyncio.to_thread(remote.bucket, BucketFaults(**{**values, "seed": dice.randrange(10**9)}))
        try:
            yield ""
        finally:
            self.spoilt.update(await asyncio.to_thread(remote.tally))
            await asyncio.to_thread(remote.bucket, BucketFaults())

    @asynccontextmanager
    async def _news(self, step: Disturb, _stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        things = [f"{one.model}/{one.version}/saved_model.pb" for one in self.seen.uploads]
        async with noise.on(self.rehearsal.stack, things, step, dice) as words:
            yield words

    @asynccontextmanager
    async def _neighbour(self, step: Disturb, stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        """Have what a puller gives to its neighbours go wrong."""
        trouble = {
            Fault.NEIGHBOUR_DIES: Trouble(kill_at="send unit", kill_nth=dice.randrange(1, 3)),
            Fault.NEIGHBOUR_LIES: Trouble(lies=True),
            Fault.NEIGHBOUR_STALLS: Trouble(send_seconds=dice.uniform(3.0, 8.0)),
        }[step.fault]
        if trouble.lies:
            self.seen.lies.append(Lie(stage.name, self.now()))
        async with self.keeper.sparing(stage.node.puller):
            stage.suffer("puller", trouble)
            try:
                yield str(trouble)
            finally:
                stage.suffer("puller", NONE)

    @asynccontextmanager
    async def _layer(self, step: Disturb, stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        if step.fault is Fault.DISK_VANISH:
            yield _vanish(stage, dice)
            return
        trouble = {
            Fault.DISK_FULL: Trouble(free_bytes=dice.randrange(1_000_000)),
            Fault.DISK_LAZY: Trouble(free_bytes=dice.randrange(1_000_000), is_lazy=True),
            Fault.DISK_READ_ONLY: Trouble(is_read_only=True),
            Fault.DISK_SLOW: Trouble(sync_seconds=dice.uniform(0.2, 1.5)),
            Fault.CLOCK: Trouble(clock_seconds=dice.choice((-86400.0, -3600.0, -60.0, 60.0, 3600.0, 86400.0))),
        }[step.fault]
        for service in ("puller", "configurator"):
            stage.suffer(service, trouble)
        try:
            yield str(trouble)
        finally:
            stage.relieve()

    @asynccontextmanager
    async def _serving(self, step: Disturb, stage: Stage, _dice: random.Random) -> AsyncIterator[str]:
        if step.fault in LINKS:
            await asyncio.to_thread(self.rehearsal.remote.link, stage.name, LINKS[step.fault])
            try:
                yield ""
            finally:
                await asyncio.to_thread(self.rehearsal.remote.link, stage.name, Mode.PASS)
            return
        window = Window(step.fault.value, stage.name, "", self.now())
        self.seen.windows.append(window)
        serving = stage.node.serving
        if step.fault is Fault.SERVING_STOP:
            async with self._stopped(serving):
                yield ""
        else:
            stage.empty_serving(is_empty=step.fault is Fault.SERVING_EMPTY)
            await self.keeper.kill(serving)
            try:
                yield ""
            finally:
                await self.keeper.start(serving)
                stage.empty_serving(is_empty=False)
        window.end = self.now()

    @asynccontextmanager
    async def _process(self, step: Disturb, stage: Stage, dice: random.Random) -> AsyncIterator[str]:
        stack = self.rehearsal.stack
        service = "puller" if step.fault.value.startswith("puller") else "configurator"
        child = stage.service(service)
        if step.fault in {Fault.PULLER_STOP, Fault.CONFIGURATOR_STOP}:
            pause = Pause(stage.name, self.now())
            if step.fault is Fault.CONFIGURATOR_STOP:
                self.seen.pauses.append(pause)
            async with self._stopped(child):
                yield ""
            pause.end = self.now()
        elif step.fault in {Fault.PULLER_STEP, Fault.CONFIGURATOR_STEP}:
            name = dice.choice(sorted(points.PULLER if service == "puller" else points.CONFIGURATOR))
            stage.suffer(service, Trouble(kill_at=name, kill_nth=dice.randrange(1, 4)))
            async with self.keeper.sparing(child):
                try:
                    yield name
                finally:
                    stage.suffer(service, NONE)
        elif step.fault is Fault.NATS_HOLE:
            await asyncio.to_thread(self.rehearsal.remote.link, "nats", Mode.BLACK_HOLE)
            try:
                yield ""
            finally:
                await asyncio.to_thread(self.rehearsal.remote.link, "nats", Mode.PASS)
        else:
            around = {Fault.MASTER_KILL: stack.master, Fault.NATS_KILL: stack.nats, Fault.NEWS_AWAY: stack.pubsub}
            killed = around.get(step.fault) or child
            await self.keeper.kill(killed)
            try:
                yield ""
            finally:
                await self.keeper.start(killed)
                if killed is stack.pubsub:
                    await asyncio.to_thread(stack.make_topic)

    @asynccontextmanager
    async def _stopped(self, child: Child) -> AsyncIterator[None]:
        await asyncio.to_thread(child.pause)
        try:
            yield
        finally:
            await asyncio.to_thread(child.resume)


def _vanish(stage: Stage, dice: random.Random) -> str:
    """Delete one of the services' own files."""
    own = stage.node.models / OWN
    found = sorted(path for pattern in VANISHING for path in own.glob(pattern) if path.is_file())
    if not found:
        return "there was nothing that could vanish"
    path = dice.choice(found)
    path.unlink(missing_ok=True)
    return f"{path.relative_to(own)} vanished"
