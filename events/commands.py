"""Admin commands that a service answers itself, over NATS and on its HTTP port, in the same words.

A command never carries state: what is wanted of a model stands in desired state. These ask a service to look now, to
act on what it already wants, or to report. A request is a JSON object; fields that are not known are refused, so that
a slip of the pen is an error and not a guess. `id` makes a repeated request harmless, and a request that comes after
its `deadline` is refused: a client may have sent it while it was disconnected, and be long gone.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from events import bounds, cost, wording
from events.bounds import AtMost
from events.names import ModelName, NodeName
from events.status import MAX_REPORT_BYTES, MAX_REPORT_VALUES

MAX_REQUEST_BYTES = bounds.REQUEST.max_bytes
MAX_ANSWER_BYTES = 1024 * 1024  # of an answer in sentences, one for each model; one with a report is as big as that
MAX_ANSWER_VALUES = 20_000


class BadRequest(ValueError):
    """A request that cannot be followed, in words for whoever sent it."""


class Command(BaseModel):
    """What all requests share."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)
    name: ClassVar[str]
    purpose: ClassVar[str]

    v: Literal[1] = 1
    id: str = Field(default="", max_length=64, description="unique; the same id again gets the first answer again")
    deadline: AwareDatetime | None = Field(default=None, description="after this time the request is refused")
    actor: str = Field(default="", max_length=128, description="who asks, for the history")
    dry_run: bool = Field(default=False, description="say what would happen, and do nothing")


class Sync(Command):
    """Look at the bucket now."""

    name: ClassVar[str] = "sync"
    purpose: ClassVar[str] = "look at the whole bucket, or at one model, now"
    model: ModelName | None = None


class Reload(Command):
    """Send TensorFlow Serving its config again."""

    name: ClassVar[str] = "reload"
    purpose: ClassVar[str] = "send TensorFlow Serving the whole config again"


class ApplyRetention(Command):
    """Remove what retention does not keep, without waiting for the grace time to be noticed."""

    name: ClassVar[str] = "retention"
    purpose: ClassVar[str] = "remove versions that retention does not keep"
    model: ModelName | None = None


class Status(Command):
    """Report."""

    name: ClassVar[str] = "status"
    purpose: ClassVar[str] = "the service's whole report"


class Answer(BaseModel):
    """What a service says to a command; `sentences` are for people, one a model or thing touched."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    node: NodeName
    service: str
    is_done: bool
    sentences: Annotated[tuple[str, ...], AtMost(bounds.MAX_SENTENCES)] = ()
    error: str = ""
    report: Annotated[dict[str, object], AtMost(bounds.MAX_FIELDS)] | None = None


def too_big(kind: type[Command], data: bytes) -> str:
    """Say why an answer is too big to be read; empty where it is not."""
    if kind is Status:
        return cost.problem(data, most_bytes=MAX_REPORT_BYTES + MAX_ANSWER_BYTES, most_values=MAX_REPORT_VALUES)
    return cost.problem(data, most_bytes=MAX_ANSWER_BYTES, most_values=MAX_ANSWER_VALUES)


PULLER: tuple[type[Command], ...] = (Status, Sync)
CONFIGURATOR: tuple[type[Command], ...] = (Status, Reload, ApplyRetention)


def parse(kind: type[Command], data: bytes, *, now: datetime) -> Command:
    """Read a request; `BadRequest` says what is wrong with it. Nothing at all counts as an empty object."""
    if problem := bounds.REQUEST.problem(data):
        raise BadRequest(f"the request is {problem}")
    try:
        request = kind.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise BadRequest(f"{kind.name} not understood: {wording.problems(error, whole='request')}") from error
    if request.deadline and request.deadline < now:
        raise BadRequest(f"{kind.name} came after its deadline {request.deadline.isoformat()} and was not followed")
    return request
