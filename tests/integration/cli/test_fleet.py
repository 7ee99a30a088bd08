"""Every command that needs a master, as a program, against a real one with two real nodes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.stack import Stack, StackOptions
from infra.local.versions import write_scripted
from master.cli.exits import Exit
from tests.support.cluster import SECONDS, Cluster, master


@pytest.fixture
def cluster(start_stack: Callable[[StackOptions], Stack], tmp_path: Path) -> Cluster:
    write_scripted(tmp_path)
    stack = start_stack(StackOptions(nodes=("node-1", "node-2")))
    command, url = master(stack)
    stack.supervisor.start(command)
    return Cluster(stack, url, tmp_path)


def test_a_version_goes_from_publish_to_served_and_back(cluster: Cluster) -> None:
    """The day of an operator: publish, wait, look, roll back, pin a canary, follow the newest again."""
    cluster.publish(1)
    cluster.publish(2)
    assert "2 nodes (2 well), 1 model: 2 serving" in cluster.do("status --check")
    assert "Serves version 1." in cluster.do("rollback line --dry-run")
    assert cluster.serving() == [[2], [2]]
    cluster.do("rollback line")
    cluster.do(f"wait line 1 --timeout {SECONDS}")
    cluster.do("unpin line")
    cluster.do(f"wait line 2 --timeout {SECONDS}")
    cluster.do("pin line 1 --node node-2")
    cluster.do(f"wait line 1 --node node-2 --timeout {SECONDS}")
    cluster.until_served([2], [1])
    late = cluster.run("wait line 2 --timeout 0s")
    assert late.returncode == Exit.CANNOT
    assert "node-2" in late.stdout
    assert "pinned to 1 (local changed model line on node node-2: pinned to version 1; before: " in late.stderr
    assert "Desired: pinned to version 1." in cluster.do("explain line --node node-2")


def test_every_other_change_is_made_and_told(cluster: Cluster) -> None:
    """Label, pause, resume, pull, retry, keep, remove, restore; each is in the history, with who."""
    cluster.publish(1)
    cluster.publish(2)
    for line, words in {
        "label line stable 1": "label stable points at version 1",
        "label line stable none": "label stable taken away",
        "pause line": "updates paused",
        "resume line": "updates resumed",
        "pull line 1": "version 1 kept on disk",
        "unpull line 1": "version 1 not kept on disk",
        "retry line 2 --ahead": "version 2 is tried again",
        "retention line --keep 3": "keeps 3 older versions",
        "remove line 1 --yes": "version 1 removed",
        "restore line 1": "version 1 restored",
    }.items():
        assert words in cluster.do(line)
        assert words in cluster.do("history line --kind change.made --limit 1")
    unasked = cluster.run("remove line")
    assert unasked.returncode == Exit.USAGE
    cluster.do("remove line --yes")
    assert "removed" in cluster.do("models")


def test_commands_are_followed_by_both_nodes(cluster: Cluster) -> None:
    """Sync, reload and retention answer for each node; a node that is gone is named, and later lost."""
    cluster.publish(1)
    for line in ("sync line", "sync", "reload", "retention --yes"):
        assert "node-1, node-2:" in cluster.do(line)
    cluster.stack.nodes[1].puller.kill()
    silent = cluster.run("sync --node node-2")
    assert silent.returncode == Exit.NOT_AS_DESIRED
    assert "node-2" in silent.stderr


def test_a_life_of_a_version_is_told(cluster: Cluster) -> None:
    """History shows upload, notification, published, available, served on both nodes."""
    cluster.publish(1)
    life = json.loads(cluster.do("history line 1 --json"))
    assert [node["node"] for node in life["nodes"]] == ["node-1", "node-2"]
    assert all(node["served"] and node["published"] for node in life["nodes"])


def test_doctor_finds_nothing_wrong_in_a_running_stack(cluster: Cluster) -> None:
    """And TF Serving's flags are read from the processes of these nodes; others' servers on this host are not ours."""
    cluster.publish(1)
    found = cluster.until_nothing_is_wrong()
    ours = [f"TF Serving flags (port {node.plan.grpc_port})" for node in cluster.stack.nodes]
    assert sum("TF Serving flags" in line for line in found) == len(ours)
    for name in ("subscriptions: all 2 are there", *ours):
        assert any(line.startswith("good") and name in line for line in found), name


def test_watch_tells_what_happens_meanwhile(cluster: Cluster) -> None:
    """Events come live, as lines of JSON, until the reader has enough."""
    environment = {"PATH": os.environ["PATH"], "MM_MASTER_URL": cluster.url}
    line = [sys.executable, "-m", "master.cli", "watch", "line", "--json", "--kind", "change.made"]
    told: list[str] = []
    cluster.publish(1)
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        reading = threading.Thread(target=lambda output: told.append(output.readline()), args=(watching.stdout,))
        reading.start()
        try:
            for count in range(100):  # the first changes may come before it watches
                cluster.do(f"retention line --keep {count}")
                if told:
                    break
        finally:
            watching.terminate()
            reading.join()
    assert json.loads(told[0])["model"] == "line"


def test_tokens_decide_who_may_do_what(cluster: Cluster, tmp_path: Path) -> None:
    """What `token` prints is what the master takes: a viewer looks, an operator changes."""
    made = {role: json.loads(cluster.do(f"token {role} --role {role} --json")) for role in ("viewer", "operator")}
    file = tmp_path / "tokens"
    file.write_text("".join(f"{one['line']}\n" for one in made.values()))
    command, url = master(cluster.stack, MM_TOKENS_FILE=str(file))
    cluster.stack.supervisor.start(command)
    guarded = Cluster(cluster.stack, url, cluster.versions)
    cluster.publish(1)
    assert guarded.run("status").returncode == Exit.NOT_ALLOWED
    assert guarded.run("status", MM_TOKEN="wrong").returncode == Exit.NOT_ALLOWED
    viewer, operator = made["viewer"]["token"], made["operator"]["token"]
    assert guarded.run("status", MM_TOKEN=viewer).returncode == Exit.DONE
    assert guarded.run("pause line", MM_TOKEN=viewer).returncode == Exit.NOT_ALLOWED
    assert guarded.run("pause line", MM_TOKEN=operator).returncode == Exit.DONE
    assert "operator" in cluster.do("history line --kind change.made")
