"""The tool as a person runs it, over a `docker` that shows what the test wants it to."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.swarm.render import LABELS

ROOT = Path(__file__).resolve().parents[3]
# Answers by its first words, notes what it was asked, and shows the words of an error for what it has no answer to.
DOCKER = """\
#!{python} -S
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = " ".join(sys.argv[1:])
with (here / "asked").open("a") as asked:
    asked.write(words + "\\n")
for beginning, answer in json.loads((here / "answers").read_text()).items():
    if words.startswith(beginning):
        sys.stdout.write(answer)
        sys.exit(0)
sys.exit("This node is not a swarm manager.")
"""
CONTAINER = {"Image": "i:2", "Secrets": [{"SecretName": "mm_token_2"}]}
TEMPLATE = {"ContainerSpec": CONTAINER, "RestartPolicy": {"Condition": "any"}}


@dataclass(frozen=True, slots=True)
class Tool:
    """The tool, and the folder of the `docker` it finds."""

    path: Path

    def answer(self, answers: Mapping[str, str]) -> None:
        (self.path / "answers").write_text(json.dumps(answers))

    def run(self, *words: str) -> tuple[int, str]:
        """Run the tool; its exit code and words."""
        folder = self.path / "folder"
        command = [sys.executable, "-m", "infra.swarm", *words, "--folder", str(folder)]
        environment = {"PATH": str(self.path), "LANG": os.environ.get("LANG", "C.UTF-8")}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.returncode, done.stdout

    def asked(self) -> str:
        """Everything `docker` was asked."""
        return (self.path / "asked").read_text()


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(python=sys.executable))
    docker.chmod(0o755)
    made = Tool(tmp_path)
    made.answer({})
    return made


def nodes(*labels: str) -> dict[str, str]:
    """What `docker` says of three nodes with these labels."""
    shown = [
        {
            "ID": name,
            "Spec": {"Role": "worker", "Availability": "active", "Labels": dict.fromkeys(labels, "yes")},
            "Description": {"Hostname": name, "Resources": {"NanoCPUs": 8 * 10**9, "MemoryBytes": 32 * 2**30}},
            "Status": {"State": "ready"},
        }
        for name in "abc"
    ]
    return {"node ls": "a b c", "inspect --type=node": json.dumps(shown)}


def stack(update: str = "") -> dict[str, str]:
    """What `docker` says of a stack with one service on one node."""
    service = {
        "ID": "s",
        "Spec": {"Name": "mm_puller", "Mode": {"Global": {}}, "TaskTemplate": TEMPLATE},
        "UpdateStatus": {"State": update} if update else None,
    }
    task = {"ServiceID": "s", "NodeID": "a", "CreatedAt": "2", "Spec": TEMPLATE, "DesiredState": "running"}
    failed = {**task, "CreatedAt": "1", "Spec": {"ContainerSpec": {"Image": "i:3"}}, "DesiredState": "shutdown"}
    tasks = [
        {**task, "ID": "t", "Status": {"State": "running"}},
        {**failed, "ID": "f", "Status": {"State": "rejected", "Err": "No such image: i:3"}},
    ]
    return {
        "service ls": "s",
        "inspect --type=service": json.dumps([service]),
        "stack ps": "t f",
        "inspect --type=task": json.dumps(tasks),
    }


def test_engine_that_manages_no_swarm_is_told(tool: Tool) -> None:
    """Whoever asks the wrong engine learns how the right one is named."""
    code, said = tool.run("deploy")
    assert code == 1
    assert said.startswith("error: this needs the engine of a swarm's manager (DOCKER_HOST says which is asked)")
    assert "This node is not a swarm manager." in said


def test_machine_without_docker_is_told(tool: Tool) -> None:
    """There is a sentence, and no trace of Python."""
    (tool.path / "docker").unlink()
    code, said = tool.run("status")
    assert code == 1
    assert "there is no `docker` command on this machine" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["deploy", "certificate"])
def test_nodes_without_labels_are_told(tool: Tool, command: str) -> None:
    """Nothing is deployed and no certificate made before the nodes say what they are for."""
    tool.answer(nodes())
    code, said = tool.run(command)
    assert code == 1
    assert "mm.nats" in said
    assert "stack deploy" not in tool.asked()


def test_unfinished_folder_is_told(tool: Tool) -> None:
    """Before anything is handed over, settings and files are looked at."""
    tool.answer(nodes(*LABELS))
    assert "MM_IMAGE and MM_BUCKET must be set" in tool.run("deploy")[1]
    (tool.path / "folder").mkdir()
    (tool.path / "folder/settings.env").write_text("MM_IMAGE=i:2\nMM_BUCKET=b\n")
    assert "MM_IMAGE" in tool.run("deploy")[1]
    assert "must be named by digest" in tool.run("deploy")[1]
    code, said = tool.run("deploy", "--resolve-image", "never")
    assert code == 1
    assert "nats/users.conf: python -m infra.nats.users" in said
    assert "stack deploy" not in tool.asked()


def test_status_shows_what_runs(tool: Tool) -> None:
    """Where everything runs as ordered, the exit code says so, too."""
    tool.answer({**nodes("mm.serving"), **stack()})
    code, said = tool.run("status")
    assert code == 0
    assert said.splitlines() == [*(f"{name}: ready, active, worker; mm.serving" for name in "abc"), "puller 1/1 (done)"]


def test_status_tells_why_an_update_failed(tool: Tool) -> None:
    """After a rollback everything runs, and still not what was ordered."""
    tool.answer({**nodes("mm.serving"), **stack("rollback_completed")})
    code, said = tool.run("status")
    assert code == 1
    assert "the update failed, what ran before runs again; i:3: No such image: i:3 (failed)" in said


def test_stack_that_is_not_there_is_told(tool: Tool) -> None:
    """A wrong name of a stack is no success."""
    tool.answer({**nodes(), "service ls": ""})
    assert tool.run("status", "--stack", "other")[0] == 1
    assert "there is no stack other" in tool.run("status", "--stack", "other")[1]


def test_deployment_hands_over_waits_and_sweeps(tool: Tool) -> None:
    """What is deployed is waited for, and secrets that nobody uses any more go; those in use stay."""
    folder = tool.path / "folder"
    for name in ("nats/users.conf", *(f"nats/seeds/{one}.nk" for one in ("master", "admin", "puller", "configurator"))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "tls").mkdir()
    for name in ("tls/ca.crt", "tls/server.crt", "tls/server.key", "tokens", "command-token", "exchange-token"):
        (folder / name).write_text(name)
    (folder / "settings.env").write_text("MM_IMAGE=i:2\nMM_BUCKET=b\n")
    secrets = "id1 mm_token_1\nid2 mm_token_2"
    none = {"stack deploy": "", "config ls": "", "secret ls": secrets, "secret rm": ""}
    none |= {"service rm": ""}
    tool.answer({**nodes(*LABELS), **stack(), **none})
    code, said = tool.run("deploy", "--resolve-image", "never")
    assert code == 0, said
    assert said.splitlines() == [
        "puller 1/1",
        "removed streams, which has run",
        "removed unused secrets: mm_token_1",
        "all services run as ordered",
    ]
    assert "service rm mm_streams\n" in tool.asked()
    assert "secret rm id1\n" in tool.asked()
    assert "--resolve-image=never" in tool.asked()
