"""The puller's report, put together out of what its parts know."""

from dataclasses import dataclass

from events.status import MAX_MODELS, Disk, PullerReport
from puller.disk import room
from puller.exchange.site import Site
from puller.notifications.handler import NotificationHandler
from puller.reconcile import Reconciler
from puller.settings import PullerSettings
from service import metrics
from service.connection_state import ConnectionState
from service.errors import Transient
from service.loop import Outcome
from service.process import Core


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes the puller's report, and tells after a pass whether its warnings have changed."""

    chosen: PullerSettings
    core: Core
    reconciler: Reconciler
    handler: NotificationHandler
    pubsub_state: ConnectionState
    site: Site

    async def one_pass(self) -> Outcome:
        """Run a pass; what the ledger does not tell of itself goes to the fleet view as soon."""
        before = self.reconciler.warnings
        try:
            return await self.reconciler.one_pass()
        finally:
            if self.reconciler.warnings != before:
                self.core.report_changed()

    def report(self) -> PullerReport:
        """The whole truth, now; brings the gauges up to date with it."""
        dependencies, about = self.reconciler.dependencies, self.core.about()
        warnings = (*about.warnings, *self.reconciler.warnings)[:MAX_MODELS]
        passed_over = dependencies.survey.observed.ignored
        report = PullerReport(
            **about.model_copy(update={"warnings": warnings}).model_dump(),
            bucket=dependencies.survey.link.state,
            pubsub=self.pubsub_state.state,
            disk=self._disk(),
            source=self.chosen.source,
            exchange=self.site.report(),
            models=dependencies.ledger.models(dependencies.downloads.progress),
            ignored_objects=passed_over.counts,
            ignored_names=passed_over.names,
            unparseable_messages=self.handler.unparseable.total(),
        )
        dependencies.ledger.measure(about.reported)
        metrics.BUCKET_CONNECTED.set(report.bucket.is_connected)
        metrics.PUBSUB_CONNECTED.set(report.pubsub.is_connected)
        metrics.DISK_FREE_BYTES.set(report.disk.free)
        metrics.MODELS_BYTES.set(report.disk.models or 0)
        metrics.IGNORED_OBJECTS.clear()  # of reasons there are none of any more
        for reason, count in report.ignored_objects.items():
            metrics.IGNORED_OBJECTS.labels(reason=reason).set(count)
        return report

    def _disk(self) -> Disk:
        reserve_bytes = self.chosen.reserve_bytes
        try:
            held = self.reconciler.dependencies.observer.bytes_held
            return room.space(self.core.layout, reserve_bytes=reserve_bytes, models=held)
        except Transient:
            return Disk(total=0, free=0, reserve=reserve_bytes)  # the pass fails for the same reason, and says so
