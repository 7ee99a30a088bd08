"""A fleet of simulated nodes over a real NATS server, light enough for a thousand of them in one process.

Each node has a puller and a configurator that show signs of life, report whole reports, answer commands, and follow
desired state at once. For tests, benchmarks, and for looking at the dashboard with many nodes:
`python -m infra.local.fleet --nodes 1000 --models 200 --url nats://127.0.0.1:4222`.
"""

import argparse
import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg

from events import desired, subjects
from events.commands import Answer
from events.names import ModelName, NodeName, Version
from events.status import Presence
from infra.local.client import nats_client
from infra.local.fleet_report import Simulated, Speaker, report
from service import jetstream
from service.reporting import BEAT_SECONDS

SERVICES = ("puller", "configurator")
NODES_PER_CONNECTION = 50
AT_ONCE = 32  # reports on their way at the same time


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """How many nodes with how many models, and how often they show signs of life."""

    nodes: int = 3
    models: int = 2
    beat_seconds: float = BEAT_SECONDS
    versions: tuple[Version, ...] = (Version(5), Version(6), Version(7))


@dataclass(slots=True)
class SimulatedNode:
    """A node; `is_dead`: it shows no sign of life and answers nothing; `is_deaf`: it only does not answer."""

    name: NodeName
    started: datetime
    models: dict[ModelName, Simulated]
    http: dict[str, str] = field(default_factory=dict)
    is_dead: bool = False
    is_deaf: bool = False
    commands: list[tuple[str, str, bytes]] = field(default_factory=list)  # service, command, request: as they came


class SimulatedFleet:
    """Use as an async context manager: within it, the nodes are there."""

    def __init__(self, url: str, plan: FleetPlan | None = None) -> None:
        self._url = url
        self._plan = plan or FleetPlan()
        self._stack = AsyncExitStack()
        self._clients: list[Client] = []
        now = datetime.now(UTC)
        whole = Simulated(on_disk=self._plan.versions, serving=self._plan.versions[-1:], since=now)
        models = [ModelName(f"model-{number:03}") for number in range(self._plan.models)]
        self.nodes = {
            name: SimulatedNode(name, now, dict.fromkeys(models, whole))
            for name in (NodeName(f"node-{number:04}") for number in range(self._plan.nodes))
        }

    async def __aenter__(self) -> Self:
        nodes = list(self.nodes.values())
        groups = [nodes[start : start + NODES_PER_CONNECTION] for start in range(0, len(nodes), NODES_PER_CONNECTION)]
        for group in groups:
            client = await self._stack.enter_async_context(nats_client(self._url))
            self._clients.append(client)
            for node in group:
                await self._listen(client, node)
        stream = self._clients[0].jetstream()
        await jetstream.ensure_streams(stream)
        for bucket in (subjects.PRESENCE_BUCKET, subjects.STATUS_BUCKET):
            await jetstream.bucket(stream, bucket)
        await self._beat_all()
        await self.report(self.nodes.values())
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        running = [tasks.create_task(job) for job in (self._beat(), self._follow_desired())]
        self._stack.callback(lambda: [task.cancel() for task in running])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def report(self, nodes: Iterable[SimulatedNode], *, services: Sequence[str] = SERVICES) -> None:
        """Have services of these nodes report."""
        places = [(node, service) for node in nodes for service in services if not node.is_dead]
        for start in range(0, len(places), AT_ONCE):
            await asyncio.gather(*(self._put_report(*place) for place in places[start : start + AT_ONCE]))

    async def set(self, node: NodeName, model: ModelName, simulated: Simulated) -> None:
        """Have a model be so on a node, and both services report it."""
        self.nodes[node].models[model] = simulated
        await self.report([self.nodes[node]])

    async def chatter(self, reports_per_second: float) -> None:
        """Have reports with a change in one model come all the time, until cancelled."""
        pause_seconds = AT_ONCE / 4 / reports_per_second
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await asyncio.gather(*(self._change_something() for _ in range(AT_ONCE // 4)))
            due += pause_seconds
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _change_something(self) -> None:
        node = random.choice(list(self.nodes.values()))  # noqa: S311 - a simulation
        name = random.choice(list(node.models))  # noqa: S311
        before = node.models[name]
        share = 0.0 if before.progress > 0.9 else before.progress + 0.1
        node.models[name] = replace(before, downloading=Version(before.on_disk[-1] + 1), progress=share)
        await self._put_report(node, "puller")

    async def _put_report(self, node: SimulatedNode, service: str) -> None:
        speaker = Speaker(node.name, service, node.started, datetime.now(UTC), node.http.get(service, ""))
        key = f"$KV.{subjects.STATUS_BUCKET}.{subjects.status_key(node.name, service)}"
        await self._client(node).jetstream().publish(key, report(speaker, node.models))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._plan.beat_seconds)
            await self._beat_all()

    async def _beat_all(self) -> None:
        for node in self.nodes.values():
            for service in SERVICES if not node.is_dead else ():
                key = f"$KV.{subjects.PRESENCE_BUCKET}.{subjects.status_key(node.name, service)}"
                sign = Presence(node=node.name, service=service, started=node.started)
                await self._client(node).publish(key, sign.model_dump_json().encode())

    async def _listen(self, client: Client, node: SimulatedNode) -> None:
        async def answer(message: Msg) -> None:
            *_, service, command = message.subject.split(".")
            if node.is_dead or node.is_deaf or not message.reply:
                return
            node.commands.append((service, command, message.data))
            sentences = (f"{command} was followed",)
            body = Answer(node=node.name, service=service, is_done=True, sentences=sentences)
            await client.publish(message.reply, body.model_dump_json(exclude_none=True).encode())

        for service in SERVICES:
            await client.subscribe(subjects.command(node.name, service, "*"), cb=answer)
            await client.subscribe(subjects.command(None, service, "*"), cb=answer)

    async def _follow_desired(self) -> None:
        watcher = await (await jetstream.bucket(self._clients[0].jetstream(), subjects.DESIRED_BUCKET)).watchall()
        async for entry in watcher:
            if entry and entry.value:
                await self._follow(ModelName.parse(subjects.name(entry.key)), desired.parse(entry.value))

    async def _follow(self, model: ModelName, document: desired.Desired) -> None:
        changed = []
        for node in self.nodes.values():
            if before := node.models.get(model):
                policy = document.on(node.name)
                chosen = desired.choose(policy, before.on_disk)
                serving = before.serving if policy.paused or not (chosen or policy.removed) else chosen
                node.models[model] = replace(
                    before, serving=serving, labels=tuple(policy.labels.items()), since=datetime.now(UTC)
                )
                changed.append(node)
        await self.report(changed, services=("configurator",))

    def _client(self, node: SimulatedNode) -> Client:
        return self._clients[hash(node.name) % len(self._clients)]


async def _main(given: argparse.Namespace) -> None:
    async with SimulatedFleet(given.url, FleetPlan(given.nodes, given.models)) as fleet:
        print("ready", flush=True)  # noqa: T201 - a program's word to whoever started it
        await (fleet.chatter(given.rate) if given.rate else asyncio.Event().wait())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.fleet", description="simulated nodes over a real NATS")
    parser.add_argument("--url", default="nats://127.0.0.1:4222")
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0.0, help="reports per second that bring news")
    asyncio.run(_main(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
