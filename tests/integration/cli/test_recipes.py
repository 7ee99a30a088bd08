"""The recipes of operators, typed one after the other; the judges are clients that name nothing, a label, a version.

Version N answers N times what it is asked, so an answer says which version gave it.
"""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.stack import Stack, StackOptions
from infra.local.versions import SCRIPT, saved_model
from master.cli.exits import Exit
from tests.support.cluster import SECONDS, Cluster, master
from tests.support.stack import EVENTUALLY_SECONDS

NODES = ("node-1", "node-2")
Answers = dict[str, int | None]  # by what a client names; None: an error


class Operator:
    """Types commands, and asks as clients do."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.do = cluster.do

    def publish(self, version: int) -> None:
        self.do(f"publish {self.cluster.versions / str(version)} gs://{self.cluster.stack.bucket.name}/line/{version}")

    def refused(self, line: str, *words: str, code: Exit = Exit.FAILED) -> None:
        """Type what shall be refused in these words."""
        done = self.cluster.run(line)
        assert done.returncode == code, f"{line}: {done.stdout}{done.stderr}"
        for word in words:
            assert word in done.stderr, line

    def clients(self, **expected: int | None) -> None:
        """Clients get these versions on every node now; `default` names nothing, `v2` a version, others a label."""
        for node in self.cluster.stack.nodes:
            assert {name: ask(node.rest_url, name) for name in expected} == expected, node.plan.name

    def soon(self, **expected: int | None) -> None:
        """Clients get these versions on every node in a moment."""
        deadline = time.monotonic() + EVENTUALLY_SECONDS
        while any(ask(node.rest_url, name) != expected[name] for node in self.cluster.stack.nodes for name in expected):
            if time.monotonic() > deadline:
                self.clients(**expected)
            time.sleep(0.1)

    def waits(self, version: int) -> None:
        self.do(f"wait line {version} --timeout {SECONDS} --ahead")


def ask(url: str, name: str) -> int | None:
    """Ask for one answer; which version gave it, None where there was an error."""
    named = name.removeprefix("v")
    path = "" if name == "default" else f"/versions/{named}" if named.isdigit() else f"/labels/{name}"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=EVENTUALLY_SECONDS)
    try:
        connection.request("POST", f"/v1/models/line{path}:predict", b'{"instances": [1.0]}')
        answer = connection.getresponse()
        return int(json.loads(answer.read())["predictions"][0]) if answer.status == 200 else None
    finally:
        connection.close()


@pytest.fixture
def operator(start_stack: Callable[[StackOptions], Stack], tmp_path: Path) -> Operator:
    for version in range(1, 5):
        (tmp_path / str(version) / SCRIPT).parent.mkdir(parents=True)
        (tmp_path / str(version) / SCRIPT).write_text(json.dumps({"predict": {"scale": version, "offset": 0}}))
        (tmp_path / str(version) / "saved_model.pb").write_bytes(saved_model())
        (tmp_path / str(version) / "variables").mkdir()
        (tmp_path / str(version) / "variables/variables.index").write_bytes(b"index")
        (tmp_path / str(version) / "variables/variables.data-00000-of-00001").write_bytes(b"%d" % version)
    stack = start_stack(StackOptions(nodes=NODES))
    command, url = master(stack)
    stack.supervisor.start(command)
    return Operator(Cluster(stack, url, tmp_path))


def test_what_operators_do_is_what_clients_get(operator: Operator) -> None:
    """A rollback at night, labels, a canary, a pause before a sale, slips of the pen: after each the clients judge."""
    for version in (1, 2):
        operator.publish(version)
        operator.waits(version)
        operator.clients(default=version)

    roll_back_at_night(operator)
    roll_back_with_a_label(operator)
    try_a_canary(operator)
    pause_before_a_sale(operator)
    slip(operator)


def roll_back_at_night(operator: Operator) -> None:
    """When `wait` says done, nobody gets the bad version any more."""
    operator.do("rollback line -m nonsense")
    operator.waits(1)
    operator.clients(default=1, v1=1, v2=None)
    assert "by rollback from version 2 (nonsense)" in operator.do("history line --kind change.made --limit 1")
    operator.do("unpin line")
    operator.waits(2)
    operator.clients(default=2, v1=None)


def roll_back_with_a_label(operator: Operator) -> None:
    """Clients of a label on the bad version go back with the others, or nothing does; no label loses its version."""
    operator.do("label line stable 2")
    operator.soon(stable=2)
    operator.refused("rollback line --keep-labels", "label stable at version 2 is left behind")
    operator.clients(default=2, stable=2)
    assert "label stable with it" in operator.do("rollback line")
    operator.waits(1)
    operator.soon(default=1, stable=1, v2=None)

    operator.do("unpin line")
    operator.soon(default=2, stable=1)
    operator.refused("remove line 1 --yes", "label stable would point at nothing")
    operator.clients(default=2, stable=1)


def try_a_canary(operator: Operator) -> None:
    """Under a pin a label above it would be what everybody gets."""
    operator.do("label line stable 2")
    operator.soon(stable=2)
    operator.publish(3)
    operator.waits(3)
    operator.clients(default=3, stable=2)
    operator.do("pin line 2")
    operator.waits(2)
    operator.clients(default=2, stable=2)
    operator.refused("label line canary 3", "--accept-default")
    operator.clients(default=2)
    assert "get version 3 instead of 2, which label canary keeps" in operator.do("label line canary 3 --accept-default")
    operator.soon(default=3, stable=2, canary=3)
    assert "Clients that name no version get version 3 on 2 nodes." in operator.do("explain line")
    operator.do("label line canary none")
    operator.soon(default=2, stable=2, v3=None)


def pause_before_a_sale(operator: Operator) -> None:
    """New versions wait, rollbacks, pins and labels do not."""
    operator.do("pause line")
    operator.publish(4)
    operator.do("rollback line")  # what was served before is 3, though it is the higher number
    operator.waits(3)
    operator.clients(default=3, stable=3)
    operator.do("rollback line 2")
    operator.waits(2)
    operator.clients(default=2, stable=2)
    operator.refused("wait line 4", "pinned to 2 (local changed", code=Exit.CANNOT)
    operator.do("unpin line")
    operator.refused("wait line 4", "updates of the model are paused", code=Exit.CANNOT)
    operator.clients(default=2, stable=2)
    operator.do("resume line")
    operator.waits(4)
    operator.clients(default=4, stable=2)


def slip(operator: Operator) -> None:
    """What cannot be meant is refused, and what was probably meant is said."""
    operator.refused("pin line 44", "no node has version 44", "did you mean 4?")
    operator.refused("pin lime 4", "did you mean line?")
    operator.refused("label line stabel none", "did you mean stable?")
    operator.refused("retry line 4", "version 4 is not in quarantine")
    operator.refused("wait line 4 --nodes 5", "5 nodes are asked for, and there are 2", code=Exit.CANNOT)
    operator.do("pin lime 4 --ahead")
    operator.do("forget-model lime --yes")
    operator.clients(default=4, stable=2, v4=4, v1=None)
