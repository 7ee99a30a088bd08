"""The embedded stack with every fault within reach: services behind proxies, on disks, clocks and steps that fail.

with Rehearsal(RehearsalOptions()) as rehearsal:
    rehearsal.remote.bucket(BucketFaults(error=0.3))
    rehearsal.nodes[0].suffer("puller", Trouble(kill_at="rename version"))
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import node as nodes
from infra.local import programs
from infra.local.child import Child, Command
from infra.local.faults.remote import Remote
from infra.local.faults.trouble import NONE, Trouble, write
from infra.local.node import Loader, Node, NodePlan
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.ready import port_open
from infra.local.stack import Stack, StackOptions
from infra.local.supervisor import Progress, silent

SERVICES = ("puller", "configurator")
EMPTY_CONFIG = "model_config_list {}\n"


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """What to start."""

    nodes: tuple[str, ...] = ("node-1", "node-2")
    settings: Mapping[str, str] = field(default_factory=dict)
    loader: Loader = Loader.SCRIPTED
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A node, and where its trouble is written."""

    node: Node
    folder: Path

    @property
    def name(self) -> str:
        return self.node.name

    def service(self, name: str) -> Child:
        """The puller or the configurator."""
        return self.node.puller if name == "puller" else self.node.configurator

    def suffer(self, service: str, trouble: Trouble) -> None:
        """Have a service suffer this from now on."""
        write(trouble_file(self.folder, service), trouble)

    def relieve(self) -> None:
        """End what its services suffer."""
        for service in SERVICES:
            self.suffer(service, NONE)

    def steps(self, service: str) -> frozenset[str]:
        """The steps that a service has reached in any of its lives."""
        path = record_file(self.folder, service)
        return frozenset(path.read_text().split("\n")) - {""} if path.exists() else frozenset()

    def empty_serving(self, *, is_empty: bool) -> None:
        """Have TensorFlow Serving's next start find an empty config, or its own again."""
        config = self.folder / "empty.config"
        config.write_text(EMPTY_CONFIG)
        own, other = (f"--model_config_file={path}" for path in (self.node.plan.config_file, config))
        before, after = (own, other) if is_empty else (other, own)
        serving = self.node.serving
        argv = tuple(after if word == before else word for word in serving.command.argv)
        serving.command = replace(serving.command, argv=argv)


class Rehearsal:
    """The running stack; what is started here stops with it."""

    def __init__(self, options: RehearsalOptions, *, progress: Progress = silent) -> None:
        self.options = options
        stack = StackOptions(
            pubsub=PubSubKind.EMBEDDED, loader=options.loader, nodes=(), master=True, folder=options.folder
        )
        self.stack = Stack(stack, progress=progress)
        self.nodes: tuple[Stage, ...] = ()
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as closing:
            closing.enter_context(self.stack)
            self._start()
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _start(self) -> None:
        supervisor, ports = self.stack.supervisor, self.stack.supervisor.ports
        control, bucket, nats = ports.reserve(), ports.reserve(), ports.reserve()
        self.remote = Remote(LOOPBACK, control)
        routed = {"STORAGE_EMULATOR_HOST": f"http://{LOOPBACK}:{bucket}", "MM_NATS_URL": f"nats://{LOOPBACK}:{nats}"}
        plans = [self._plan(name, routed) for name in self.options.nodes]
        links = {plan.name: (ports.reserve(), plan.grpc_port) for plan in plans}
        links["nats"] = (nats, int(self.stack.nats_url.rpartition(":")[2]))
        gcs_port = int(self.stack.gcs_url.rpartition(":")[2])
        self.proxies = supervisor.start(_proxies(control, bucket=(bucket, gcs_port), links=links))
        started = [self._launch(plan, links[plan.name][0]) for plan in plans]
        for stage in started:
            supervisor.wait_ready(*stage.node.children)
        self.nodes = tuple(started)
        self.stack.nodes.extend(stage.node for stage in started)

    def _plan(self, name: str, routed: Mapping[str, str]) -> NodePlan:
        stack, folder = self.stack, self.stack.supervisor.keep_folder(name)
        settings = {**stack.settings(), **self.options.settings, **routed}
        return nodes.plan(name, folder=folder, ports=stack.supervisor.ports, settings=settings)

    def _launch(self, plan: NodePlan, serving_port: int) -> Stage:
        launch, folder = self.stack.supervisor.launch, plan.models.parent
        behind = replace(plan, settings={**plan.settings, "MM_SERVING_ADDRESS": f"{LOOPBACK}:{serving_port}"})
        for service in SERVICES:
            write(trouble_file(folder, service), NONE)
        serving = launch(nodes.serving(plan, self.options.loader))
        puller = launch(_rehearsed(behind, "puller", port=plan.puller_port))
        configurator = launch(_rehearsed(behind, "configurator", port=plan.configurator_port))
        return Stage(Node(plan, serving, puller, configurator), folder)


def trouble_file(folder: Path, service: str) -> Path:
    """Where the trouble of a service is written."""
    return folder / f"{service}.trouble"


def record_file(folder: Path, service: str) -> Path:
    """Where a service writes down its steps."""
    return folder / f"{service}.steps"


def _rehearsed(plan: NodePlan, service: str, *, port: int) -> Command:
    """The service's own command, on the failing layer."""
    command, folder = nodes.service(plan, service, port=port), plan.models.parent
    own = {
        "REHEARSAL_FILE": str(trouble_file(folder, service)),
        "REHEARSAL_RECORD": str(record_file(folder, service)),
    }
    argv = (str(programs.python()), "-m", "infra.local.faults.service", service)
    return replace(command, argv=argv, environment={**command.environment, **own})


def _proxies(control: int, *, bucket: tuple[int, int], links: Mapping[str, tuple[int, int]]) -> Command:
    words = [f"--link={name}:{port}={LOOPBACK}:{behind}" for name, (port, behind) in links.items()]
    argv = (
        str(programs.python()),
        *("-m", "infra.local.faults", "serve", f"--control={control}"),
        f"--bucket={bucket[0]}={LOOPBACK}:{bucket[1]}",
        *words,
    )
    return Command("faults", argv, ready=port_open(control))
