"""Whether a service is as ordered: said from what the swarm shows, and with the reason where it is not."""

from dataclasses import replace

import pytest

from infra.swarm import shown
from infra.swarm.converge import Service, Stage, Task, judge

GLOBAL = Service("s", "puller", "new", None, is_one_shot=False, update="", update_message="", contents=frozenset())
TWO = replace(GLOBAL, name="master", replicas=2)
ONCE = replace(GLOBAL, name="streams", replicas=1, is_one_shot=True)
RUNNING = Task("t", "s", "n1", desired="running", state="running", error="", image="i:2", container="new", created="5")
ELSEWHERE = replace(RUNNING, place="n2")
OLD = replace(RUNNING, container="old", image="i:1")
STARTING = replace(RUNNING, state="starting", created="6")
CRASHED = replace(RUNNING, desired="shutdown", state="failed", error="exit (1)", created="4")
STOPPED = replace(CRASHED, state="shutdown", error="")
COMPLETE = replace(RUNNING, desired="shutdown", state="complete")


@pytest.mark.parametrize(
    ("service", "tasks", "stage", "line"),
    [
        (GLOBAL, [], Stage.WAITING, "puller 0/0"),
        (GLOBAL, [RUNNING], Stage.DONE, "puller 1/1"),
        (GLOBAL, [RUNNING, ELSEWHERE, replace(CRASHED, place="n3")], Stage.DONE, "puller 2/2"),
        (GLOBAL, [RUNNING, replace(STARTING, place="n2")], Stage.WAITING, "puller 1/2"),
        (GLOBAL, [RUNNING, replace(OLD, place="n2")], Stage.WAITING, "puller 1/2"),
        (GLOBAL, [CRASHED, STARTING], Stage.WAITING, "puller 0/1: exit (1)"),
        (GLOBAL, [CRASHED, replace(STOPPED, created="5"), STARTING], Stage.WAITING, "puller 0/1"),
        (GLOBAL, [CRASHED, RUNNING, replace(STARTING, place="n2")], Stage.WAITING, "puller 1/2"),
        (TWO, [RUNNING], Stage.WAITING, "master 1/2"),
        (TWO, [RUNNING, ELSEWHERE], Stage.DONE, "master 2/2"),
        (replace(GLOBAL, update="updating"), [RUNNING], Stage.WAITING, "puller 1/1"),
        (replace(GLOBAL, update="completed"), [RUNNING], Stage.DONE, "puller 1/1"),
        (
            replace(GLOBAL, update="rollback_started", container="old"),
            [replace(CRASHED, error="No such image"), OLD],
            Stage.WAITING,
            "puller 1/1: is being rolled back; i:2: No such image",
        ),
        (
            replace(GLOBAL, update="rollback_completed", container="old"),
            [replace(CRASHED, error="No such image"), OLD],
            Stage.FAILED,
            "puller 1/1: the update failed, what ran before runs again; i:2: No such image",
        ),
        (
            replace(GLOBAL, update="paused", update_message="told so"),
            [RUNNING],
            Stage.FAILED,
            "puller 1/1: the update failed and was stopped; told so",
        ),
        (ONCE, [], Stage.WAITING, "streams 0/1"),
        (ONCE, [COMPLETE], Stage.DONE, "streams 1/1: has run"),
        (ONCE, [replace(COMPLETE, container="old")], Stage.WAITING, "streams 0/1"),
        (ONCE, [CRASHED, replace(STARTING, desired="ready")], Stage.WAITING, "streams 0/1: exit (1)"),
    ],
)
def test_service_is_judged(service: Service, tasks: list[Task], stage: Stage, line: str) -> None:
    """Done means that every place runs what was ordered and no update is under way; an old error is no reason."""
    progress = judge(service, tasks)
    assert (progress.stage, str(progress)) == (stage, line)


CONTAINER = {"Image": "i:2@sha256:0", "Env": ["A=1"], "Secrets": [{"SecretName": "mm_token_1"}]}


def test_engine_s_json_is_read() -> None:
    """A task is what its service orders even where the engine leaves out what is empty; a rollback's secrets count."""
    service = shown.service(
        {
            "ID": "s",
            "Spec": {
                "Name": "mm_puller",
                "Mode": {"Global": {}},
                "TaskTemplate": {
                    "ContainerSpec": {**CONTAINER, "DNSConfig": {}},
                    "RestartPolicy": {"Condition": "any"},
                },
            },
            "PreviousSpec": {
                "TaskTemplate": {"ContainerSpec": {"Image": "i:1", "Configs": [{"ConfigName": "mm_ca_0"}]}}
            },
            "UpdateStatus": {"State": "completed", "Message": "update completed"},
        },
        "mm",
    )
    task = shown.task(
        {
            "ID": "t",
            "ServiceID": "s",
            "NodeID": "n1",
            "CreatedAt": "2026-01-01T00:00:00Z",
            "Spec": {"ContainerSpec": CONTAINER},
            "Status": {"State": "running"},
            "DesiredState": "running",
        }
    )
    assert (service.name, service.replicas, service.is_one_shot) == ("puller", None, False)
    assert service.contents == {"mm_token_1", "mm_ca_0"}
    assert (task.place, task.image) == ("n1", "i:2")
    assert judge(service, [task]).stage is Stage.DONE


def test_node_s_json_is_read() -> None:
    """A node without labels has none."""
    node = shown.node(
        {
            "ID": "n",
            "Spec": {"Role": "manager", "Availability": "active"},
            "Description": {"Hostname": "h", "Resources": {"NanoCPUs": 2, "MemoryBytes": 3}},
            "Status": {"State": "ready"},
        }
    )
    assert (node.hostname, node.labels, node.nano_cpus, node.memory_bytes) == ("h", {}, 2, 3)
