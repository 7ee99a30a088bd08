"""The configurator, wired: the pass on TensorFlow Serving and the disk, and what rings its bell."""

import asyncio
import time
from datetime import UTC, datetime

from configurator import render, status
from configurator.clean import Cleaner
from configurator.court import Court
from configurator.disk import Disk, Sweeper
from configurator.news import News
from configurator.observe import Observer
from configurator.reconcile import Edges, Reconcile
from configurator.reloader import Reloader
from configurator.serving import Serving
from configurator.settings import ConfiguratorSettings
from configurator.told import Config
from events import subjects
from events.messages import VersionPublished
from events.status import ConfiguratorReport, ServedStage
from events.status import Disk as DiskReport
from service import metrics
from service.loop import Outcome, Timing
from service.process import Core, Parts

BACKOFF_MIN_SECONDS = (
    0.2  # TensorFlow Serving on the same host: trying costs nothing, and the channel rings when it is back
)
BACKOFF_MAX_SECONDS = 5.0


def build(core: Core, settings: ConfiguratorSettings) -> Parts:
    """Put the service together."""
    disk = Disk(core.layout, settings.config_file)
    serving, news, sweeper = Serving(settings.serving_address), News(core.bus.emit), Sweeper(disk)

    async def send(config: Config) -> None:
        message = await asyncio.to_thread(render.message, config, disk.hold)
        await serving.reload(message, seconds=settings.reload_seconds)

    edges = Edges(
        disk=disk,
        serving=serving,
        observer=Observer(disk, serving, desired=lambda: core.desired.state),
        reloader=Reloader(send, ring=core.doorbell.ring),
        cleaner=Cleaner(disk, settings, sweeper=sweeper, news=news, clock=time.monotonic),
        court=Court(disk, serving, news=news, smoke_seconds=settings.smoke_seconds),
        news=news,
        clock=time.monotonic,
    )
    reconcile = Reconcile(edges, settings)
    ages = status.Ages(clock=lambda: datetime.now(UTC))

    def report() -> ConfiguratorReport:
        space = edges.observer.space
        models = status.report(reconcile.view, edges.observer.folders, idle=edges.cleaner.idle, ages=ages)
        return ConfiguratorReport(
            **dict(core.about()),
            serving=news.serving,
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
    published = subjects.events(settings.node, "puller", VersionPublished.type)
    core.bus.subscribe(published, lambda _: core.doorbell.ring())
    timing = Timing(
        settings.poll_seconds,
        backoff_min_seconds=BACKOFF_MIN_SECONDS,
        backoff_max_seconds=BACKOFF_MAX_SECONDS,
    )
    return Parts(
        one_pass, timing, report, tasks=(edges.reloader.run, sweeper.run, lambda: serving.watch(core.doorbell.ring))
    )


def count(report: ConfiguratorReport) -> None:
    """Keep the gauges up to date."""
    states = [line.state for model in report.models.values() for line in model.versions]
    for state in ServedStage:
        metrics.SERVED_VERSIONS.labels(state=state).set(states.count(state))
    metrics.MODELS_DIFFERING.set(sum(1 for model in report.models.values() if model.difference))
