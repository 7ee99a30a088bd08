"""The swarm, as the `docker` command of this machine shows it: `DOCKER_HOST` or a context says which."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.docker.offline.shell import Failed
from infra.swarm import shown
from infra.swarm.converge import Service, Task
from infra.swarm.render import Kind, Node
from infra.swarm.shown import Json

STACK_LABEL = "com.docker.stack.namespace"
COMMANDS: dict[Kind, str] = {"configs": "config", "secrets": "secret"}
LAST_LINES = 20


@dataclass(frozen=True, slots=True)
class Named:
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
    return [shown.node(one) for one in _inspect("node", ids)]


def deploy(stack: str, files: Sequence[str], *, variables: Mapping[str, str], resolve_image: str) -> None:
    """Hand the stack to the swarm; this only says what shall be."""
    given = [word for file in files for word in ("--compose-file", file)]
    options = ("--prune", "--with-registry-auth", f"--resolve-image={resolve_image}")
    docker("stack", "deploy", *options, *given, stack, environment=variables)


def remove_service(name: str) -> None:
    """Remove a service."""
    docker("service", "rm", name)


def services(stack: str) -> list[Service]:
    """The stack's services, by name."""
    ids = docker("service", "ls", "--quiet", f"--filter=label={STACK_LABEL}={stack}").split()
    return sorted((shown.service(one, stack) for one in _inspect("service", ids)), key=lambda one: one.name)


def tasks(stack: str) -> list[Task]:
    """The stack's tasks, those that ended lately, too."""
    ids = docker("stack", "ps", "--quiet", "--no-trunc", stack).split()
    return [shown.task(one) for one in _inspect("task", ids)]


def contents(stack: str, kind: Kind) -> list[Named]:
    """The configs or secrets of a stack, used or not."""
    words = ("ls", f"--filter=label={STACK_LABEL}={stack}", "--format={{.ID}} {{.Name}}")
    return [Named(*line.split()) for line in docker(COMMANDS[kind], *words).splitlines()]


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
    found: list[Json] = json.loads(done.stdout)
    return found
