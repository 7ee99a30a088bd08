"""The whole embedded stack: NATS, GCS server, Pub/Sub, one or more nodes and, if asked for, a master, wired and ready.

    with Stack(StackOptions()) as stack:
        stack.bucket.write("half_plus_two/1/saved_model.pb", data)
        stack.node.puller.kill()

Every part is a `Child` that can be stopped, killed, paused and restarted on its own ports. Calls block; async code
runs them through `asyncio.to_thread`, which is safe from any thread.
"""

import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import node as nodes
from infra.local import parts
from infra.local.bucket import Bucket, make_topic
from infra.local.child import Child
from infra.local.node import Loader, Node, NodePlan
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Progress, Supervisor, silent

MASTER_PORT = 8000


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to start."""

    pubsub: PubSubKind = PubSubKind.AUTO
    pubsub_port: int | None = None  # of a Pub/Sub server that runs already, instead of one of our own
    loader: Loader = Loader.AUTO
    bucket: str = "models"
    prefix: str = ""  # empty, or ending in '/'
    nodes: tuple[str, ...] = ("node-1",)
    gcs_in_memory: bool = False
    master: bool = False  # on its usual port, if that is free
    settings: Mapping[str, str] = field(default_factory=dict)  # for pullers and configurators, over the stack's own
    folder: Path | None = None  # of data and logs, which stay and are found again; without it they are temporary


class Stack:
    """The running stack; what is started here stops with it."""

    def __init__(self, options: StackOptions, *, progress: Progress = silent) -> None:
        self.options = options
        self.supervisor = Supervisor(options.folder, progress=progress)
        self.project = f"local-{uuid.uuid4().hex[:8]}"
        self.topic = "model-uploads"
        self.nodes: list[Node] = []
        self.pubsub: Child | None = None
        self.master: Child | None = None
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as closing:
            closing.enter_context(self.supervisor)
            self._start(closing)
            self._closing = closing.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def node(self) -> Node:
        """The first node."""
        return self.nodes[0]

    @property
    def nats_url(self) -> str:
        return f"nats://{LOOPBACK}:{self._nats_port}"

    @property
    def gcs_url(self) -> str:
        return f"http://{LOOPBACK}:{self._gcs_port}"

    @property
    def pubsub_address(self) -> str:
        return f"{LOOPBACK}:{self._pubsub_port}"

    @property
    def master_url(self) -> str:
        return f"http://{LOOPBACK}:{self._master_port}"

    def operator(self) -> dict[str, str]:
        """The environment of `model-manager`: where the master, the bucket and the topic are."""
        return {"MM_MASTER_URL": self.master_url, **self._uploads()}

    def make_topic(self) -> None:
        """Make the topic, also again after a restart of Pub/Sub, which keeps nothing."""
        make_topic(self.pubsub_address, project=self.project, topic=self.topic)

    def add_node(self, name: str, *, settings: Mapping[str, str] | None = None) -> Node:
        """Start one more node with a models folder of its own; return it when its three programs answer."""
        plan = self._plan(name, settings or {})
        return self._wait(self._launch_services(plan, self._launch_serving(plan)))

    def _start(self, closing: ExitStack) -> None:
        ports, launch, folder = self.supervisor.ports, self.supervisor.launch, self.supervisor.keep_folder
        self._nats_port, self._gcs_port = ports.reserve(), ports.reserve()
        self._pubsub_port = self.options.pubsub_port or ports.reserve()
        self.nats = launch(parts.nats(folder("nats"), self._nats_port, ports.reserve()))
        if self.options.pubsub_port is None:
            self.pubsub = launch(parts.pubsub(self.options.pubsub, self._pubsub_port))
        events = parts.Events(self._pubsub_port, self.project, self.topic)
        self.gcs = launch(parts.gcs(folder("gcs"), self._gcs_port, events=events, in_memory=self.options.gcs_in_memory))
        # TensorFlow takes longest to start: it does so while the rest is set up.
        servings = [(plan := self._plan(name, {}), self._launch_serving(plan)) for name in self.options.nodes]
        self.supervisor.wait_ready(*[child for child in (self.nats, self.pubsub, self.gcs) if child])
        self.make_topic()
        self.bucket = closing.enter_context(Bucket(self.gcs_url, name=self.options.bucket, project=self.project))
        self.bucket.create()
        if self.options.master:
            self._master_port = ports.reserve(MASTER_PORT)
            self.master = launch(parts.master(self._master_port, {"MM_NATS_URL": self.nats_url}))
        for node in [self._launch_services(plan, serving) for plan, serving in servings]:
            self._wait(node)
        if self.master:
            self.supervisor.wait_ready(self.master)

    def _plan(self, name: str, settings: Mapping[str, str]) -> NodePlan:
        return nodes.plan(
            name,
            folder=self.supervisor.keep_folder(name),
            ports=self.supervisor.ports,
            settings={**self.settings(), **self.options.settings, **settings},
        )

    def _launch_serving(self, plan: NodePlan) -> Child:
        return self.supervisor.launch(nodes.serving(plan, self.options.loader))

    def _launch_services(self, plan: NodePlan, serving: Child) -> Node:
        """Start the two services beside TensorFlow Serving."""
        puller = self.supervisor.launch(nodes.service(plan, "puller", port=plan.puller_port))
        configurator = self.supervisor.launch(nodes.service(plan, "configurator", port=plan.configurator_port))
        return Node(plan, serving, puller, configurator)

    def _wait(self, node: Node) -> Node:
        """Wait until all three answer."""
        self.supervisor.wait_ready(*node.children)
        self.nodes.append(node)
        return node

    def settings(self) -> dict[str, str]:
        """The environment of a node's services, but for what is the node's own."""
        return {"MM_NATS_URL": self.nats_url, **self._uploads()}

    def _uploads(self) -> dict[str, str]:
        return {
            "MM_BUCKET": self.options.bucket,
            "MM_PREFIX": self.options.prefix,
            "MM_PROJECT": self.project,
            "MM_TOPIC": self.topic,
            "STORAGE_EMULATOR_HOST": self.gcs_url,
            "PUBSUB_EMULATOR_HOST": self.pubsub_address,
        }
