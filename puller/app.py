"""The puller's wiring: everything is built here, nothing is decided."""

import asyncio
import os
from collections.abc import Collection, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial

from events import cloudevents, subjects
from events.commands import Command, Sync
from events.messages import VersionEvent, VersionQuarantined, VersionRemoved
from events.names import FileName, ModelName
from events.status import Stage
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.completeness import Rules
from puller.bucket.observed import ObservedVersions
from puller.disk import extending, leftovers, publication, room
from puller.disk.contents import Observer
from puller.download.dependencies import DownloadDependencies
from puller.download.http_engine import HttpEngine
from puller.download.jobs import Downloads
from puller.download.model_quota import ModelQuota
from puller.download.transfer import Transfer
from puller.download.trust import Trust
from puller.exchange import site as exchange
from puller.notifications.handler import NotificationHandler, Peers, Uploads
from puller.notifications.hints import Hints
from puller.notifications.registration import Names
from puller.notifications.subscription import NoSubscription, Subscription
from puller.reconcile import Dependencies, Reconciler
from puller.reporter import Reporter
from puller.settings import PullerSettings
from puller.status import Ledger
from puller.survey import Survey
from service import google_access, process, settings, warmup
from service.commands import seconds_left
from service.connection_state import ConnectionState
from service.disk_threads import in_thread
from service.errors import Transient
from service.google_access import Way
from service.health import Health
from service.layout import Receipt
from service.loop import Timing
from service.process import Core, Parts
from service.saved_model import read_needs

PURPOSE = "python -m puller: brings models from a Cloud Storage bucket to this node's disk, verified and whole."


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the program; its exit code."""
    chosen = settings.start(PullerSettings, arguments=arguments, environment=environment, purpose=PURPOSE)
    way = google_access.spread(
        os.environ, proxy=chosen.proxy.get_secret_value(), ca_file=str(chosen.ca_file) if chosen.ca_file else ""
    )
    return process.main(chosen, environment, service="puller", port=chosen.http_port, build=partial(build, chosen, way))


def build(chosen: PullerSettings, way: Way, core: Core) -> Parts:
    """Put the puller together."""
    hints = Hints(core.wakeup.wake, asyncio.get_running_loop().time)
    bucket_state = ConnectionState("bucket", clock=_now, on_change=core.report_changed)
    pubsub_state = ConnectionState("pubsub", clock=_now, on_change=partial(_note_stream, core))
    peers = Peers(
        core.settings.node,
        hints,
        publish=partial(core.bus.publish, subjects.HINT),
        hears_itself=lambda: pubsub_state.state.is_connected,
    )
    loop = asyncio.get_running_loop()
    uploads = Uploads(core.bus.emit, loop.time, loop.call_later)
    handler = NotificationHandler(chosen.bucket, chosen.prefix, hints, uploads, tell_peers=peers.tell)
    subscription = _subscription(chosen, link=pubsub_state, handler=handler, hints=hints)
    access = Access(
        emulator=os.environ.get("STORAGE_EMULATOR_HOST", ""), billing_project=chosen.billing_project, way=way
    )
    bucket_state.wait(f"waiting for the first answer of {access.endpoint}")
    bucket = Bucket(chosen.bucket, prefix=chosen.prefix, access=access)
    rules = Rules(chosen.settle_seconds, require_assets=chosen.require_assets, limits=chosen.limits)
    observed = ObservedVersions(bucket, rules=rules, clock=_now)
    site = exchange.open_site(
        chosen, core, table=lambda place: observed.table(place.model, place.version, fingerprint=place.key)
    )
    trust = Trust(bucket, mode=chosen.signatures, folder=chosen.signature_policy)
    downloads = Downloads(
        _transfer(chosen, core, access, site),
        observed,
        _dependencies(core, hints, trust),
        parallel=chosen.parallel_versions,
    )
    dependencies = Dependencies(
        observer=Observer(core.layout),
        survey=Survey(observed, bucket_state, subscription, _now),
        downloads=downloads,
        ledger=Ledger(emit=core.bus.emit, on_change=core.report_changed),
        hints=hints,
        desired=lambda: core.desired.state,
        sweep=lambda keep: asyncio.to_thread(leftovers.sweep, core.layout, keep=keep),
        clock=_now,
        monotonic=asyncio.get_running_loop().time,
    )
    core.bus.subscribe(subjects.HINT, peers.receive)
    _listen_to_configurator(core, hints, downloads)
    reporter = Reporter(
        chosen, core, Reconciler(dependencies, poll_seconds=chosen.poll_seconds), handler, pubsub_state, site
    )
    return Parts(
        one_pass=reporter.one_pass,
        timing=Timing(poll_seconds=chosen.poll_seconds),
        report=reporter.report,
        tasks=(
            downloads.run,
            subscription.run,
            partial(trust.run, partial(downloads.try_again, Stage.UNTRUSTED)),
            *site.tasks,
        ),
        commands={Sync: partial(_sync, hints, core.health)},
        sign=site.sign,
    )


def _subscription(
    chosen: PullerSettings, *, link: ConnectionState, handler: NotificationHandler, hints: Hints
) -> Subscription | NoSubscription:
    if not chosen.topic:
        link.down("MM_TOPIC is not set: the bucket is polled")
        return NoSubscription()
    names = Names(
        chosen.topic_path,
        chosen.subscription_path,
        prefix=chosen.prefix,
        days=chosen.subscription_days,
        emulator=os.environ.get("PUBSUB_EMULATOR_HOST", ""),
    )
    return Subscription(names, link=link, receive=handler.receive, on_gap=hints.look_at_all)


def _transfer(chosen: PullerSettings, core: Core, access: Access, site: exchange.Site) -> ModelQuota:
    engine = HttpEngine(chosen.bucket, access, bytes_per_second=chosen.bytes_per_second)
    transfer = Transfer(
        engine,
        layout=core.layout,
        reserve_bytes=chosen.reserve_bytes,
        bytes_per_second=chosen.bytes_per_second,
        exchange=site.exchange,
    )

    def held(model: ModelName) -> Coroutine[None, None, int]:
        return asyncio.to_thread(room.held, core.layout, model)

    return ModelQuota(transfer, held=held, model_bytes=chosen.limits.model_bytes)


def _dependencies(core: Core, hints: Hints, trust: Trust) -> DownloadDependencies:
    def seal(receipt: Receipt) -> Coroutine[None, None, None]:
        return in_thread(lambda: publication.seal(core.layout, receipt))

    def publish(receipt: Receipt) -> Coroutine[None, None, None]:
        return in_thread(lambda: publication.publish(core.layout, receipt))

    def add(receipt: Receipt, names: Collection[FileName]) -> Coroutine[None, None, None]:
        return in_thread(lambda: extending.extend(core.layout, receipt, names))

    return DownloadDependencies(
        stage=core.layout.stage,
        trust=trust,
        read_needs=read_needs,
        check_warmup=warmup.check,
        seal=seal,
        publish=publish,
        extend=add,
        emit=core.bus.emit,
        on_end=hints.think_about,
        clock=_now,
        ask_for_room=lambda: core.bus.publish(subjects.retention_request(core.settings.node), b""),
    )


def _listen_to_configurator(core: Core, hints: Hints, downloads: Downloads) -> None:
    """Think again about a model as soon as the node's configurator took one of its versions away."""

    def receive(data: bytes) -> None:
        _, event = cloudevents.parse(data)
        if isinstance(event, VersionEvent):
            hints.think_about(event.model)
        if isinstance(event, VersionRemoved):
            downloads.try_again(Stage.NO_SPACE)

    for kind in (VersionRemoved, VersionQuarantined):
        core.bus.subscribe(subjects.events(core.settings.node, "configurator", kind.type), receive)


def _note_stream(core: Core) -> None:
    """Have the next poll's time thought over: it is another one while Pub/Sub is away."""
    core.report_changed()
    core.wakeup.wake()


async def _sync(hints: Hints, health: Health, request: Command) -> tuple[str, ...]:
    """Look at the bucket because an operator says so; the answer comes when that is done, or the time is over."""
    model = request.model if isinstance(request, Sync) else None
    what = f"the bucket for {model}" if model else "the whole bucket"
    if request.dry_run:
        return (f"would look at {what} now",)
    if model:
        hints.look_at(model)
    else:
        hints.look_at_all()
    try:
        async with asyncio.timeout(seconds_left(request)):
            ended = await health.next_pass()
    except TimeoutError:
        return (f"is looking at {what}; that had not ended when the answer was due",)
    if ended.error:
        raise Transient(f"looked at {what}, and failed: {ended.error}")
    return (f"looked at {what}",)


def _now() -> datetime:
    return datetime.now(UTC)
