"""The same commands over NATS, as people with the `nats` tool and scripts send them."""

import asyncio
import json
import os

import pytest
from nats.aio.client import Client

from events import subjects
from events.cluster import ALL, CHANGES
from events.commands import CONFIGURATOR, PULLER, Answer
from infra.docker.line import Line
from infra.local.client import nats_client
from tests.compose.world import World

ANSWER_SECONDS = 30.0
ON_NODES = [
    (service, kind.name) for service, kinds in (("puller", PULLER), ("configurator", CONFIGURATOR)) for kind in kinds
]


@pytest.mark.parametrize(("service", "name"), ON_NODES)
def test_every_node_follows_a_command_to_all(world: World, service: str, name: str) -> None:
    """A command to all nodes is followed by each of them."""
    answers = asyncio.run(ask(subjects.command(None, service, name), {}, count=len(world.nodes)))
    assert {answer.node for answer in answers if answer.is_done} == set(world.nodes)


def test_one_node_follows_a_command_to_it() -> None:
    """A command to one node is followed by that node."""
    (answer,) = asyncio.run(ask("mm.v1.cmd.node-b.puller.sync", {}, count=1))
    assert (answer.node, answer.is_done) == ("node-b", True)


@pytest.mark.parametrize("name", [kind.name for kind in ALL if kind not in CHANGES])
def test_master_follows_a_command_to_the_cluster(name: str) -> None:
    """A master answers for all nodes, in sentences."""
    fields: dict[str, object] = {"model": "half_plus"} if name in {"explain", "history"} else {}
    (answer,) = asyncio.run(ask(subjects.cluster_command(name), fields, count=1))
    assert answer.is_done, answer.error
    assert answer.sentences


NEEDED: dict[str, dict[str, object]] = {
    "pin": {"versions": [1]},
    "label": {"label": "stable", "version": 1},
    **{name: {"version": 1} for name in ("rollback", "pull", "remove_version")},
    **{name: {"version": 1, "ahead": True} for name in ("unpull", "retry")},
    "forget_model": {"model": "nowhere", "ahead": True},
}


@pytest.mark.parametrize("name", [kind.name for kind in CHANGES])
def test_master_foresees_every_change(name: str) -> None:
    """Every change of desired state can be asked for over NATS; a dry run says what it would do, and does nothing."""
    fields = {"model": "half_plus", "dry_run": True, **NEEDED.get(name, {})}
    (answer,) = asyncio.run(ask(subjects.cluster_command(name), fields, count=1))
    assert not answer.error
    assert not answer.is_done
    assert "nothing was changed" in answer.sentences[0]


def test_change_over_nats_is_followed(world: World, model: str) -> None:
    """A pin over NATS holds a version against a newer one."""
    lines = {number: Line(3.0, float(number)) for number in (1, 2)}
    world.upload(model, 1, lines[1])
    world.wait_served(model, 1, lines[1])
    (answer,) = asyncio.run(ask(subjects.cluster_command("pin"), {"model": model, "versions": [1]}, count=1))
    assert answer.is_done, answer.error
    world.upload(model, 2, lines[2])
    world.command("sync", model=model)
    world.wait_served(model, 1, lines[1])


async def ask(subject: str, fields: dict[str, object], *, count: int) -> list[Answer]:
    """Send a command and gather so many answers."""
    async with nats_client(os.environ["MM_NATS_URL"]) as client:
        return await asyncio.wait_for(_ask(client, subject, fields=fields, count=count), ANSWER_SECONDS)


async def _ask(client: Client, subject: str, *, fields: dict[str, object], count: int) -> list[Answer]:
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish(subject, json.dumps(fields).encode(), reply=inbox)
    return [Answer.model_validate_json((await answers.next_msg(ANSWER_SECONDS)).data) for _ in range(count)]
