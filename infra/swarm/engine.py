"""The swarm, as the `docker` command of this machine shows it: `DOCKER_HOST` or a context says which."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

from infra.docker.offline.shell import Failed
from infra.swarm.converge import Service, Task
from infra.swarm.render import Kind, Node

STACK_LABEL = "com.docker.stack.namespace"
COMMANDS: dict[Kind, str] = {"configs": "config", "secrets": "secret"}
LAST_LINES = 20
Json = Mapping[str, object]


class Named(TypedDict):
    """A config or a secret, as the engine lists it."""

    id: str
    name: str


def docker(*words: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a docker command and return its output; `Failed` with its words where it fails."""
    done = _run(words, environment or {})
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        raise Failed(f"`docker {' '.join(words[:3])}` ended with {done.returncode}: {said}")
    return done.stdout


def _run(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["docker", *words],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failed("there is no `docker` command on this machine") from error


def nodes() -> list[Node]:
    """The swarm's nodes; `Failed` where the engine manages none."""
    try:
        ids = docker("node", "ls", "--quiet").split()
    except Failed as error:
        raise Failed(
            f"this needs the engine of a swarm's manager (DOCKER_HOST says which is asked): {error}"
        ) from error
    return [_node(shown) for shown in _inspect("node", ids)]


def deploy(stack: str, files: Sequence[str], *, variables: Mapping[str, str], resolve_image: str) -> None:
    """Hand the stack to the swarm; this only says what shall be."""
    given = [word for file in files for word in ("--compose-file", file)]
    options = ("--prune", "--with-registry-auth", f"--resolve-image={resolve_image}")
    docker("stack", "deploy", *options, *given, stack, environment=variables)


def services(stack: str) -> list[Service]:
    """The stack's services, by name."""
    ids = docker("service", "ls", "--quiet", f"--filter=label={STACK_LABEL}={stack}").split()
    return sorted((_service(shown, stack) for shown in _inspect("service", ids)), key=lambda one: one.name)


def tasks(stack: str) -> list[Task]:
    """The stack's tasks, those that ended lately, too."""
    ids = docker("stack", "ps", "--quiet", "--no-trunc", stack).split()
    return [_task(shown) for shown in _inspect("task", ids)]


def contents(stack: str, kind: Kind) -> list[Named]:
    """The configs or secrets of a stack, used or not."""
    lines = docker(
        COMMANDS[kind], "ls", f"--filter=label={STACK_LABEL}={stack}", "--format={{.ID}} {{.Name}}"
    ).splitlines()
    return [Named(id=line.split()[0], name=line.split()[1]) for line in lines]


def remove(kind: Kind, ids: Sequence[str]) -> None:
    """Remove configs or secrets."""
    docker(COMMANDS[kind], "rm", *ids)


def _inspect(kind: str, ids: Sequence[str]) -> list[Json]:
    """Look at things; one that went away since its id was read is left out."""
    if not ids:
        return []
    words = ("inspect", f"--type={kind}", *ids)
    done = _run(words, {})
    if done.returncode and "not found" not in done.stderr:
        raise Failed(f"`docker inspect` ended with {done.returncode}: {done.stderr.strip()}")
    shown: list[Json] = json.loads(done.stdout)
    return shown


def _node(shown: Json) -> Node:
    resources = _at(shown, "Description", "Resources")
    return Node(
        id=str(shown["ID"]),
        hostname=str(_at(shown, "Description")["Hostname"]),
        role=str(_at(shown, "Spec")["Role"]),
        state=str(_at(shown, "Status")["State"]),
        availability=str(_at(shown, "Spec")["Availability"]),
        labels={str(name): str(value) for name, value in _at(shown, "Spec", "Labels").items()},
        nano_cpus=cast("int", resources["NanoCPUs"]),
        memory_bytes=cast("int", resources["MemoryBytes"]),
    )


def _service(shown: Json, stack: str) -> Service:
    spec = _at(shown, "Spec")
    template = _at(spec, "TaskTemplate")
    replicated = _at(spec, "Mode", "Replicated")
    update = _at(shown, "UpdateStatus")
    return Service(
        id=str(shown["ID"]),
        name=str(spec["Name"]).removeprefix(f"{stack}_"),
        image=_image(template),
        container=_canonical(template),
        replicas=cast("int", replicated["Replicas"]) if replicated else None,
        is_one_shot=_at(template, "RestartPolicy").get("Condition") == "on-failure",
        update=str(update.get("State", "")),
        update_message=str(update.get("Message", "")),
        contents=frozenset(_names(spec)) | frozenset(_names(_at(shown, "PreviousSpec"))),
    )


def _task(shown: Json) -> Task:
    status = _at(shown, "Status")
    return Task(
        id=str(shown["ID"]),
        service=str(shown["ServiceID"]),
        place=str(shown.get("Slot") or shown.get("NodeID", "")),
        desired=str(shown["DesiredState"]),
        state=str(status["State"]),
        error=str(status.get("Err", "")),
        image=_image(_at(shown, "Spec")),
        container=_canonical(_at(shown, "Spec")),
        created=str(shown["CreatedAt"]),
    )


def _names(spec: Json) -> list[str]:
    """The configs and secrets that a service's specification uses."""
    container = _at(spec, "TaskTemplate", "ContainerSpec")
    used = [*cast("list[Json]", container.get("Configs") or []), *cast("list[Json]", container.get("Secrets") or [])]
    return [str(one.get("ConfigName") or one.get("SecretName")) for one in used]


def _image(template: Json) -> str:
    """The image's name, without the digest that a registry added."""
    return str(_at(template, "ContainerSpec")["Image"]).partition("@")[0]


def _canonical(template: Json) -> str:
    """A container's specification as text; what is empty in a service may be missing in its tasks."""
    return json.dumps(_without_empty(template.get("ContainerSpec")), sort_keys=True)


def _without_empty(shown: object) -> object:
    if isinstance(shown, dict):
        return {name: short for name, value in shown.items() if (short := _without_empty(value)) not in ({}, [], None)}
    return shown


def _at(shown: Json, *path: str) -> Json:
    """Go down a path of objects; where one is not there, an empty one."""
    for name in path:
        shown = cast("Json", shown.get(name) or {})
    return shown
