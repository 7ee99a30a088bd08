"""The configurator's wiring: everything is built here, nothing is decided."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator import explain, status
from configurator.attestor import Attestor, signer
from configurator.dependencies import Dependencies
from configurator.event_emitter import EventEmitter
from configurator.hand_made import HandMade
from configurator.observe import Observer
from configurator.observe import Serving as Asked
from configurator.reconcile import Reconciler
from configurator.sender import Sender
from configurator.serving.client import Serving
from configurator.serving.reloader import Reloader
from configurator.serving.sample_request import Predicts
from configurator.settings import ConfiguratorSettings
from configurator.versions.cleanup import Cleaner, CleanupDependencies
from configurator.versions.disk import Disk
from configurator.versions.health_checks import HealthChecks
from configurator.versions.peers import Link, Peers
from configurator.versions.sweeper import Sweeper
from events import subjects
from events.commands import ApplyRetention, Command, Reload
from events.desired import DesiredState
from events.messages import Event, VersionExtended, VersionPublished
from events.status import MAX_MODELS, ConfiguratorReport, ServedStage
from events.status import Disk as DiskReport
from events.trouble import differs
from service import logs, metrics
from service.isolation import Troubles
from service.layout import Layout
from service.loop import Outcome, Timing
from service.process import Core, Parts

log = logs.get("configurator")

BACKOFF_MIN_SECONDS = (
    0.2  # TensorFlow Serving on the same host: trying costs nothing, and the channel rings when it is back
)
BACKOFF_MAX_SECONDS = 5.0
MOST_SERIES = 1000  # models told one by one to Prometheus: with two versions each, 3,000 series a node


class TensorFlowServing(Predicts, Asked, Protocol):
    """All that the configurator needs of TensorFlow Serving."""

    epoch: int

    async def reload(self, config: ModelServerConfig, *, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ProcessDependencies:
    """What the process gives a pass: desired state, events, the loop's wake-up, NATS, the monotonic clock."""

    desired: Callable[[], DesiredState]
    emit: Callable[[Event], None]
    wake: Callable[[], None]
    publish: Callable[[bytes], None] = lambda _: None
    is_connected: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    time: Callable[[], datetime] = lambda: datetime.now(UTC)


def wire(
    disk: Disk, settings: ConfiguratorSettings, *, serving: TensorFlowServing, process: ProcessDependencies
) -> Dependencies:
    """Put together what a pass works on."""
    troubles = Troubles(log)
    emitter, sweeper = EventEmitter(process.emit, troubles=troubles), Sweeper(disk)

    async def send(config: ModelServerConfig) -> None:
        await serving.reload(config, seconds=settings.reload_seconds)

    reloader = Reloader(send, wake=process.wake)
    hand_made = HandMade(serving, troubles=troubles)
    link = Link(process.publish, process.is_connected, process.wake, process.clock)
    peers = Peers(settings.node, link, stagger_seconds=settings.stagger_seconds, heeds=settings.heed_peers)
    return Dependencies(
        disk=disk,
        serving=serving,
        observer=Observer(disk, serving, desired=process.desired, hand_made=hand_made, peers=peers, troubles=troubles),
        hand_made=hand_made,
        peers=peers,
        reloader=reloader,
        sender=Sender(disk, reloader, hand_made, sweeper, emitter, troubles),
        sweeper=sweeper,
        cleaner=Cleaner(
            disk, settings, sweeper=sweeper, emitter=emitter, around=CleanupDependencies(process.clock, troubles)
        ),
        health_checks=HealthChecks(
            disk, serving, emitter=emitter, smoke_seconds=settings.smoke_seconds, troubles=troubles
        ),
        emitter=emitter,
        attestor=Attestor(
            settings.node,
            disk,
            sign=signer(settings.attest_key),
            emit=process.emit,
            clock=process.time,
            troubles=troubles,
        ),
        troubles=troubles,
        clock=process.clock,
    )


def build(core: Core, settings: ConfiguratorSettings) -> Parts:
    """Put the service together."""
    wake, serving = core.wakeup.wake, Serving(settings.serving_address, settings.serving_tls)
    disk = Disk(Layout(settings.models_dir.absolute()), settings.config_file)
    process = ProcessDependencies(
        lambda: core.desired.state,
        core.bus.emit,
        wake,
        partial(core.bus.publish, subjects.CRASH),
        lambda: core.bus.connection.is_connected,
    )
    dependencies = wire(disk, settings, serving=serving, process=process)
    reconciler = Reconciler(dependencies, settings)
    reporter = Reporter(core, dependencies, reconciler, settings)

    def on_room(_: bytes) -> None:
        dependencies.cleaner.ask_for_room()
        wake()

    core.bus.subscribe(subjects.CRASH, dependencies.peers.hear)
    core.bus.subscribe(subjects.retention_request(settings.node), on_room)
    for kind in (VersionPublished, VersionExtended):
        core.bus.subscribe(subjects.events(settings.node, "puller", kind.type), lambda _: wake())
    return Parts(
        reporter.one_pass,
        Timing(settings.poll_seconds, backoff_min_seconds=BACKOFF_MIN_SECONDS, backoff_max_seconds=BACKOFF_MAX_SECONDS),
        reporter.report,
        tasks=(
            dependencies.reloader.run,
            dependencies.sweeper.run,
            dependencies.peers.run,
            lambda: serving.watch(wake),
        ),
        commands={
            Reload: partial(_reload, reconciler, wake),
            ApplyRetention: partial(_retain, dependencies.cleaner, wake),
        },
    )


class Reporter:
    """Writes the report, and tells after a pass whether it has changed."""

    def __init__(
        self, core: Core, dependencies: Dependencies, reconciler: Reconciler, settings: ConfiguratorSettings
    ) -> None:
        self._core = core
        self._dependencies = dependencies
        self._reconciler = reconciler
        self._settings = settings
        self._ages = status.Ages(clock=lambda: datetime.now(UTC))
        self._shown: tuple[object, ...] | None = None

    def report(self) -> ConfiguratorReport:
        """The whole truth, now."""
        observer = self._dependencies.observer
        view = self._reconciler.view
        models = status.report(
            view,
            observer.folders,
            idle=self._dependencies.cleaner.idle,
            ages=self._ages,
            troubles=self._dependencies.troubles,
        )
        about = self._core.about()
        warnings = (*about.warnings, *self._dependencies.hand_made.warnings)[:MAX_MODELS]
        moving = frozenset() if view.is_away else self._reconciler.moving - explain.held_up(view)
        return ConfiguratorReport(
            **about.model_copy(update={"warnings": warnings}).model_dump(),
            serving=self._dependencies.emitter.serving,
            serving_address=self._settings.serving_address,
            disk=DiskReport(total=observer.space.total, free=observer.space.free, reserve=self._settings.reserve_bytes),
            reload_lock=None if view.is_away else status.reload_lock(view, self._ages),
            models=status.on_their_way(models, moving),
        )

    async def one_pass(self) -> Outcome:
        """Run a pass, and bring gauges and fleet view up to date with it."""
        try:
            return await self._reconciler.one_pass()
        finally:
            serving = self._dependencies.emitter.serving
            self._core.health.missing = "" if serving.is_connected else serving.reason
            report = self.report()
            measure(report)
            shown = (report.models, report.serving, report.reload_lock)
            if self._shown != shown:
                self._shown = shown
                count(report)
                self._core.report_changed()


async def _reload(reconciler: Reconciler, wake: Callable[[], None], request: Command) -> tuple[str, ...]:
    served = sorted(reconciler.view.base.items())
    if not request.dry_run:
        reconciler.say_again()
        wake()
    return tuple(f"{name}: versions {', '.join(map(str, sorted(entry.versions)))}" for name, entry in served)


async def _retain(cleaner: Cleaner, wake: Callable[[], None], request: Command) -> tuple[str, ...]:
    model = request.model if isinstance(request, ApplyRetention) else None
    sentences = cleaner.hurry(model, dry_run=request.dry_run)
    wake()
    return sentences


def measure(report: ConfiguratorReport) -> None:
    """Keep the gauge up to date that changes by the mere passing of time."""
    metrics.MODELS_DIFFERING.set(sum(differs(model, report.reported) for model in report.models.values()))


def count(report: ConfiguratorReport) -> None:
    """Keep the gauges up to date that change with the report."""
    states = [line.state for model in report.models.values() for line in model.versions]
    for state in ServedStage:
        metrics.SERVED_VERSIONS.labels(state=state).set(states.count(state))
    _series(report)


def _series(report: ConfiguratorReport) -> None:
    """Keep a series for each version served, and for each default version, of so many models at most."""
    metrics.SERVING_VERSION.clear()
    metrics.DEFAULT_VERSION.clear()
    for name, model in sorted(report.models.items())[:MOST_SERIES]:
        for version in model.serving:
            metrics.SERVING_VERSION.labels(model=name, version=version).set(1)
        if model.default_version is not None:
            metrics.DEFAULT_VERSION.labels(model=name, version=model.default_version).set(1)
