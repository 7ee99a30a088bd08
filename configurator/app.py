"""The configurator, wired: the pass on TensorFlow Serving and the disk, and what rings its bell."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator import status
from configurator.clean import Cleaner
from configurator.court import Court
from configurator.disk import Disk, Sweeper
from configurator.news import News
from configurator.observe import Observer
from configurator.observe import Serving as Asked
from configurator.reconcile import Edges, Reconcile
from configurator.reloader import Reloader
from configurator.serving import Serving
from configurator.settings import ConfiguratorSettings
from configurator.smoke import Predicts
from events import subjects
from events.desired import DesiredState
from events.messages import Event, VersionPublished
from events.status import ConfiguratorReport, ServedStage
from events.status import Disk as DiskReport
from service import metrics
from service.loop import Outcome, Timing
from service.process import Core, Parts

BACKOFF_MIN_SECONDS = (
    0.2  # TensorFlow Serving on the same host: trying costs nothing, and the channel rings when it is back
)
BACKOFF_MAX_SECONDS = 5.0


class TensorFlowServing(Predicts, Asked, Protocol):
    """All that the configurator needs of TensorFlow Serving."""

    epoch: int

    async def reload(self, config: ModelServerConfig, *, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What else a pass touches: desired state, the events it emits, its own bell, the monotonic clock."""

    desired: Callable[[], DesiredState]
    emit: Callable[[Event], None]
    ring: Callable[[], None]
    clock: Callable[[], float] = time.monotonic


def wire(disk: Disk, settings: ConfiguratorSettings, *, serving: TensorFlowServing, outside: Outside) -> Edges:
    """Put together what a pass works on."""
    news, sweeper = News(outside.emit), Sweeper(disk)

    async def send(config: ModelServerConfig) -> None:
        await serving.reload(config, seconds=settings.reload_seconds)

    return Edges(
        disk=disk,
        serving=serving,
        observer=Observer(disk, serving, desired=outside.desired),
        reloader=Reloader(send, ring=outside.ring),
        sweeper=sweeper,
        cleaner=Cleaner(disk, settings, sweeper=sweeper, news=news, clock=outside.clock),
        court=Court(disk, serving, news=news, smoke_seconds=settings.smoke_seconds),
        news=news,
        clock=outside.clock,
    )


def build(core: Core, settings: ConfiguratorSettings) -> Parts:
    """Put the service together."""
    serving = Serving(settings.serving_address)
    outside = Outside(lambda: core.desired.state, core.bus.emit, core.doorbell.ring)
    edges = wire(Disk(core.layout, settings.config_file), settings, serving=serving, outside=outside)
    reconcile = Reconcile(edges, settings)
    ages = status.Ages(clock=lambda: datetime.now(UTC))

    def report() -> ConfiguratorReport:
        space = edges.observer.space
        models = status.report(reconcile.view, edges.observer.folders, idle=edges.cleaner.idle, ages=ages)
        return ConfiguratorReport(
            **dict(core.about()),
            serving=edges.news.serving,
            disk=DiskReport(total=space.total, free=space.free, reserve=settings.reserve_bytes),
            models=models,
        )

    shown: list[object] = []

    async def one_pass() -> Outcome:
        try:
            return await reconcile()
        finally:
            now = report()
            if shown != [now.models, now.serving]:
                shown[:] = [now.models, now.serving]
                count(now)
                core.report_changed()

    def on_room(_: bytes) -> None:
        edges.cleaner.ask_for_room()
        core.doorbell.ring()

    core.bus.subscribe(subjects.retention_request(settings.node), on_room)
    core.bus.subscribe(subjects.events(settings.node, "puller", VersionPublished.type), lambda _: core.doorbell.ring())
    timing = Timing(
        settings.poll_seconds,
        backoff_min_seconds=BACKOFF_MIN_SECONDS,
        backoff_max_seconds=BACKOFF_MAX_SECONDS,
    )
    return Parts(
        one_pass,
        timing,
        report,
        tasks=(edges.reloader.run, edges.sweeper.run, lambda: serving.watch(core.doorbell.ring)),
    )


def count(report: ConfiguratorReport) -> None:
    """Keep the gauges up to date."""
    states = [line.state for model in report.models.values() for line in model.versions]
    for state in ServedStage:
        metrics.SERVED_VERSIONS.labels(state=state).set(states.count(state))
    metrics.MODELS_DIFFERING.set(sum(1 for model in report.models.values() if model.difference))
