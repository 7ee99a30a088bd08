"""Whether the swarm has become what was asked for, service by service: no I/O here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ROLLING_BACK = "rollback_started"
MOVING = {"updating", ROLLING_BACK}
GIVEN_UP = {
    "rollback_completed": "the update failed, what ran before runs again",
    "rollback_paused": "the update failed, and so did going back",
    "paused": "the update failed and was stopped",
}
ENDED = {"complete", "failed", "rejected", "shutdown", "orphaned", "remove"}
LIVING = {"running", "ready"}  # desired states of tasks that shall be there


@dataclass(frozen=True, slots=True)
class Service:
    """A service, as the swarm shows it."""

    id: str
    name: str
    container: str  # what its tasks' containers shall be, in canonical JSON
    replicas: int | None  # None: one on each node
    is_one_shot: bool
    update: str  # empty: none under way, or none needed
    update_message: str
    contents: frozenset[str]  # names of configs and secrets it uses, or would use after a rollback


@dataclass(frozen=True, slots=True)
class Task:
    """A task: one container of a service, on one node."""

    id: str
    service: str
    place: str  # its node, or its number among the replicas
    desired: str
    state: str
    error: str
    image: str
    container: str
    created: str


class Stage(StrEnum):
    """How far a service is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a service is, for a person, too."""

    service: str
    stage: Stage
    is_moving: bool  # an update or a rollback is under way
    running: int
    wanted: int
    note: str

    def __str__(self) -> str:
        """Say it in one line."""
        note = f": {self.note}" if self.note else ""
        return f"{self.service} {self.running}/{self.wanted}{note}"


def judge(service: Service, tasks: Sequence[Task]) -> Progress:
    """Say how far a service is; `tasks` are its own, of any age."""
    if service.is_one_shot:
        return _judge_one_shot(service, tasks)
    wanted = [task for task in tasks if task.desired in LIVING]
    running = [task for task in wanted if task.state == "running" and task.container == service.container]
    count = service.replicas if service.replicas is not None else len(wanted)
    stage, note = Stage.WAITING, _trouble(tasks)
    if service.update in GIVEN_UP:
        stage, note = Stage.FAILED, _join(GIVEN_UP[service.update], _cause(service, tasks))
    elif service.update == ROLLING_BACK:
        note = _join("is being rolled back", _cause(service, tasks))
    elif len(running) == count > 0 and service.update in {"", "completed"}:
        stage, note = Stage.DONE, ""
    return Progress(service.name, stage, service.update in MOVING, len(running), count, note)


def _judge_one_shot(service: Service, tasks: Sequence[Task]) -> Progress:
    """A service whose task ends: done when the newest of what it is now has ended well."""
    ours = sorted((task for task in tasks if task.container == service.container), key=lambda task: task.created)
    is_done = bool(ours) and ours[-1].state == "complete"
    note = "has run" if is_done else _trouble(ours)
    stage = Stage.DONE if is_done else Stage.WAITING
    return Progress(service.name, stage, service.update in MOVING, int(is_done), 1, note)


def _trouble(tasks: Sequence[Task]) -> str:
    """Why the place that lacks a running task lacks it: how the last one there ended, if that was not as ordered."""
    for place in sorted({task.place for task in tasks}):
        newest_first = sorted((task for task in tasks if task.place == place), key=lambda task: task.created)[::-1]
        ended = next((task for task in newest_first if task.state in ENDED), None)
        if newest_first[0].state != "running" and ended and ended.error:
            return ended.error
    return ""


def _cause(service: Service, tasks: Sequence[Task]) -> str:
    """Why an update failed: how the newest task of what was ordered, and is no more, ended."""
    failed = [task for task in tasks if task.error and task.container != service.container]
    if not failed:
        return service.update_message
    newest = max(failed, key=lambda task: task.created)
    return f"{newest.image}: {newest.error}"


def _join(*texts: str) -> str:
    return "; ".join(filter(None, texts))
