"""The engine's JSON, read into the values that are judged: no I/O here."""

import json
from collections.abc import Mapping
from typing import cast

from infra.swarm.converge import Service, Task
from infra.swarm.render import Node

Json = Mapping[str, object]


def node(shown: Json) -> Node:
    """Read `docker node inspect`."""
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


def service(shown: Json, stack: str) -> Service:
    """Read `docker service inspect`."""
    spec = _at(shown, "Spec")
    template = _at(spec, "TaskTemplate")
    replicated = _at(spec, "Mode", "Replicated")
    update = _at(shown, "UpdateStatus")
    return Service(
        id=str(shown["ID"]),
        name=str(spec["Name"]).removeprefix(f"{stack}_"),
        container=_canonical(template),
        replicas=cast("int", replicated["Replicas"]) if replicated else None,
        is_one_shot=_at(template, "RestartPolicy").get("Condition") == "on-failure",
        update=str(update.get("State", "")),
        update_message=str(update.get("Message", "")),
        contents=frozenset(_names(spec)) | frozenset(_names(_at(shown, "PreviousSpec"))),
    )


def task(shown: Json) -> Task:
    """Read `docker inspect --type=task`."""
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
