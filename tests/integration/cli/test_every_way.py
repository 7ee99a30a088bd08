"""Every order to the cluster over NATS and over plain HTTP, on two real nodes; the command is only one way of three."""

import asyncio
import http.client
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from events import subjects
from events.commands import Answer
from events.names import ModelName, NodeName, Version
from infra.local.client import nats_client
from infra.local.stack import Stack, StackOptions
from infra.local.upload import Upload
from infra.local.versions import write_scripted
from tests.support.stack import eventually

MODEL = "line"
REPLY_SECONDS = 30
# Each order, in a sequence that makes sense, and what the answer must say.
ORDERS: tuple[tuple[str, dict[str, object], str], ...] = (
    ("pin", {"versions": [1]}, "pinned to version 1"),
    ("unpin", {}, "newest"),
    ("rollback", {}, "1"),
    ("unpin", {"count": 1}, "newest"),
    ("pull", {"version": 1}, "version 1 kept on disk"),
    ("label", {"label": "stable", "version": 1}, "label stable points at version 1"),
    ("label", {"label": "stable", "version": None}, "label stable taken away"),
    ("pause", {}, "updates paused"),
    ("resume", {}, "updates resumed"),
    ("unpull", {"version": 1}, "version 1 not kept on disk"),
    ("retry", {"version": 2, "ahead": True}, "version 2 is tried again"),
    ("retention", {"count": 3}, "keeps 3 older versions"),
    ("remove_version", {"version": 1}, "version 1 removed"),
    ("restore", {"version": 1}, "version 1 restored"),
    ("remove_model", {}, "removed"),
)
COMMANDS = ("sync", "reload", "retention")


@pytest.fixture
def stack(start_stack: Callable[[StackOptions], Stack], tmp_path: Path) -> Stack:
    """Two nodes that serve version 2, with version 1 beside it, and a master."""
    write_scripted(tmp_path)
    made = start_stack(StackOptions(nodes=("node-1", "node-2"), master=True))
    for version in (1, 2):
        publish(made, tmp_path / str(version), version)
    return made


def publish(stack: Stack, folder: Path, version: int) -> None:
    Upload(stack.bucket, prefix="", model=ModelName(MODEL), version=Version(version)).send(folder)
    asyncio.run(eventually(lambda: serving(stack) == {"node-1": [version], "node-2": [version]}))


def get(stack: Stack, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    """Send one plain HTTP request to the master."""
    address = urlsplit(stack.master_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=REPLY_SECONDS)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def serving(stack: Stack) -> dict[str, list[int]]:
    status, page = get(stack, "GET", f"/v1/models/{MODEL}/nodes")
    items = page.get("items")
    return {cell["node"]: cell["serving"] for cell in items} if status == 200 and isinstance(items, list) else {}


def ask(stack: Stack, subject: str, body: dict[str, object]) -> Answer:
    """Send one request over NATS, as the nats tool does."""

    async def send() -> bytes:
        async with nats_client(stack.nats_url) as client:
            return (await client.request(subject, json.dumps(body).encode(), timeout=REPLY_SECONDS)).data

    return Answer.model_validate_json(asyncio.run(send()))


def order_over_nats(stack: Stack, kind: str, fields: dict[str, object]) -> str:
    answer = ask(stack, f"{subjects.COMMAND}._cluster.master.{kind}", {"model": MODEL, "actor": "test", **fields})
    assert answer.error == ""
    return " ".join(answer.sentences)


def order_over_http(stack: Stack, kind: str, fields: dict[str, object]) -> str:
    status, answer = get(stack, "POST", f"/v1/models/{MODEL}/changes", {"change": {"kind": kind, **fields}})
    assert status == 200, answer
    return str(answer["summary"])


@pytest.mark.parametrize("order", [order_over_nats, order_over_http])
def test_every_change_can_be_ordered(stack: Stack, order: Callable[[Stack, str, dict[str, object]], str]) -> None:
    """Each change is made, said in words, and has its effect on both nodes in the end."""
    for kind, fields, words in ORDERS:
        assert words in order(stack, kind, fields), kind
        if kind == "rollback":
            asyncio.run(eventually(lambda: serving(stack) == {"node-1": [1], "node-2": [1]}))
        if kind == "unpin":
            asyncio.run(eventually(lambda: serving(stack) == {"node-1": [2], "node-2": [2]}))
    asyncio.run(eventually(lambda: not any(serving(stack).values())))


def test_every_command_reaches_both_nodes(stack: Stack) -> None:
    """Over plain HTTP, to the cluster over NATS, and to each node itself over NATS."""
    for command in COMMANDS:
        status, gathered = get(stack, "POST", f"/v1/commands/{command}", {})
        answers = gathered["answers"]
        assert isinstance(answers, list)
        assert (status, {one["node"] for one in answers}) == (200, {"node-1", "node-2"}), command
        name = "apply_retention" if command == "retention" else command
        told = ask(stack, f"{subjects.COMMAND}._cluster.master.{name}", {}).sentences
        assert [line.split(":")[0] for line in sorted(told)] == ["node-1", "node-2"], command
        service = "puller" if command == "sync" else "configurator"
        for node in (NodeName("node-1"), NodeName("node-2")):
            answer = ask(stack, subjects.command(node, service, command), {})
            assert (answer.node, answer.error) == (node, ""), command


def test_questions_are_answered_over_nats(stack: Stack) -> None:
    """Status of the cluster and of a node, explain, history."""
    for name, body in {"status": {}, "explain": {"model": MODEL}, "history": {"model": MODEL}}.items():
        answer = ask(stack, f"{subjects.COMMAND}._cluster.master.{name}", dict(body))
        assert answer.error == ""
        assert answer.sentences, name
    report = ask(stack, subjects.command(NodeName("node-2"), "configurator", "status"), {}).report
    assert report is not None
    assert report["node"] == "node-2"
