"""A service as a process: the shared parts wired around its own, run together, stopped cleanly by a signal."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from events import subjects
from events.commands import Command, Status
from events.desired import problem
from events.status import Presence, Report
from service import folder_lock, hosts, http, logs, micro, reporting, variables
from service.bus import Bus
from service.commands import Commands, Handle
from service.connections import raise_file_limit
from service.desired import DesiredStore
from service.errors import BadSettings
from service.folder_lock import FolderLock, Holder
from service.health import Health
from service.layout import Layout
from service.loop import Outcome, Timing, Wakeup, run
from service.reporting import DuplicateWriters
from service.settings import NodeSettings, Settings, names
from service.tasks import end
from service.version import __version__

log = logs.get("service.process")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service brings: its pass, its report, and what else runs beside them until the end."""

    one_pass: Callable[[], Coroutine[None, None, Outcome]]
    timing: Timing
    report: Callable[[], Report]
    tasks: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()
    commands: Mapping[type[Command], Handle] = field(default_factory=dict)
    sign: Presence | None = None  # in the place of the core's, where the service has more to say of itself


@dataclass(frozen=True, slots=True)
class Core:
    """What a service is given."""

    service: str
    settings: NodeSettings
    http: str
    layout: Layout
    bus: Bus
    desired: DesiredStore
    wakeup: Wakeup
    health: Health
    sign: Presence
    namesakes: DuplicateWriters
    changed: asyncio.Event

    def report_changed(self) -> None:
        """Have the report sent to NATS soon, not only with the next heartbeat."""
        self.changed.set()

    def about(self) -> Report:
        """The part of the report that is the same in every service."""
        return Report(
            node=self.settings.node,
            service=self.service,
            software=__version__,
            started=self.sign.started,
            instance=self.sign.instance,
            host=self.sign.host,
            cluster=self.settings.cluster,
            reported=datetime.now(UTC),
            is_ready=self.health.is_ready,
            last_pass=self.health.last_pass,
            nats=self.bus.connection,
            http=self.http,
            warnings=(*self.namesakes.problems, *self.desired.problems, *self.bus.problems),
        )


def main(
    settings: NodeSettings, environment: Mapping[str, str], *, service: str, port: int, build: Callable[[Core], Parts]
) -> int:
    """Run a node's service until SIGTERM or SIGINT; the exit code."""
    return launch(settings, environment, program=lambda: _run(service, settings, port=port, build=build))


def launch(
    settings: Settings, environment: Mapping[str, str], *, program: Callable[[], Coroutine[None, None, None]]
) -> int:
    """Run a program with logs as the settings say; the exit code. Settings that nothing reads are named first."""
    logs.configure(settings.log_format, settings.log_level)
    for variable, advice in variables.unknown(names(type(settings)), environment).items():
        log.warning("unknown setting; it is ignored", variable=variable, advice=advice)
    raise_file_limit()
    try:
        asyncio.run(program())
    except BadSettings as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


async def together(*jobs: Coroutine[None, None, None]) -> None:
    """Run jobs side by side until SIGTERM or SIGINT.

    One that fails, or is cancelled though nobody stops the service, ends the process, which is then started again:
    better than a service that looks alive and does nothing. One that has nothing more to do may return.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
    waiting = asyncio.create_task(stop.wait())
    running = [asyncio.create_task(job) for job in jobs]
    try:
        left = {waiting, *running}
        while not stop.is_set():
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.cancelled():
                    raise RuntimeError(f"a part of the service was cancelled, and nobody had asked for it: {task!r}")
                task.result()
    finally:
        await end([waiting, *running])


def _stop(stop: asyncio.Event) -> None:
    log.info("service stopping")
    stop.set()


def address(settings: Settings, listener: socket.socket) -> str:
    """Tell the host:port where others reach this port: as set, or the node's name where it listens on all addresses."""
    if settings.http_advertise:
        return settings.http_advertise
    host, port = listener.getsockname()[:2]
    host = settings.node if host in {"0.0.0.0", "::"} else host  # noqa: S104 - it is compared, not listened on
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _run(service: str, settings: NodeSettings, *, port: int, build: Callable[[Core], Parts]) -> None:
    listener = http.listen(settings.http_host, port)
    core = _core(service, settings, address(settings, listener))
    lock = FolderLock(core.layout, Holder.of(core.sign))
    folder_lock.hold(lock)
    try:
        await _work(core, listener, build=build, lock=lock)
    finally:
        lock.release()


async def _work(core: Core, listener: socket.socket, *, build: Callable[[Core], Parts], lock: FolderLock) -> None:
    settings, parts = core.settings, build(core)
    commands = _commands(core, parts)
    core.bus.answer(micro.on_node(commands, node=settings.node, software=__version__))
    app = http.create_app(
        core.health,
        report=parts.report,
        commands=commands,
        token=settings.command_token,
        names=hosts.own_names(settings),
    )
    log.info("service started", service=core.service, node=settings.node, http=core.http)
    await together(
        http.serve(app, listener),
        core.bus.run(),
        run(parts.one_pass, wakeup=core.wakeup, timing=parts.timing, health=core.health),
        reporting.send_reports(core.bus, core.sign, report=parts.report, changed=core.changed),
        reporting.keep_beating(core.bus, parts.sign or core.sign),
        folder_lock.keep(lock),
        *(task() for task in parts.tasks),
    )


def _core(service: str, settings: NodeSettings, address: str) -> Core:
    layout = Layout(settings.models_dir)
    wakeup, changed = Wakeup(), asyncio.Event()
    bus = Bus(settings, service, on_change=changed.set)  # else NATS would keep the report that it is away

    def on_change() -> None:
        wakeup.wake()
        changed.set()

    desired = DesiredStore(settings.node, layout=layout, service=service, on_change=on_change)
    desired.load()
    bus.watch(subjects.DESIRED_BUCKET, desired.show, check=problem)
    sign = reporting.new_sign(settings.node, service)
    namesakes = DuplicateWriters(bus, sign, on_change=changed.set)
    return Core(service, settings, address, layout, bus, desired, wakeup, Health(), sign, namesakes, changed)


def _commands(core: Core, parts: Parts) -> Commands:
    async def status(_request: Command) -> Report:
        return parts.report()

    return Commands(core.settings.node, core.service, {Status: status, **parts.commands})
