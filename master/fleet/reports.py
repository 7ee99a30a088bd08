"""A report as it comes from a node: bounded by what it costs before it is read, its models only told apart. Pure."""

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from events import cost, wording
from events.names import ModelName, NodeName
from events.status import MAX_MODELS, MAX_REPORT_BYTES, MAX_REPORT_VALUES
from master.fleet.nodes import SERVICES, ReportSummary


class BadReport(ValueError):
    """A report that cannot be read, in words that follow `the report is`."""


class ForeignReport(BadReport):
    """A report of another node or service than the one that was asked, or under whose key it stands."""

    def __init__(self, who: str) -> None:
        super().__init__(f"that of {who}")
        self.who = who


def read(data: bytes, node: NodeName, service: str) -> tuple[ReportSummary, dict[ModelName, bytes]]:
    """Read the report of a node's service; `BadReport` says why it cannot be, `ForeignReport` whose it is instead."""
    if wrong := cost.problem(data, most_bytes=MAX_REPORT_BYTES, most_values=MAX_REPORT_VALUES):
        raise BadReport(wrong)
    try:
        raw = from_json(data)
        if wording.may_be_unsafe(data):
            raw = wording.clean_texts(raw)
        head = ReportSummary.model_validate(raw)
    except ValidationError as error:
        raise BadReport(f"not readable: {wording.problems(error, whole='report')}") from error
    except ValueError as error:
        raise BadReport(f"not readable: {wording.of_library(error)}") from error
    if (head.node, head.service) != (node, service):
        what = head.service if head.service in SERVICES else "service"
        raise ForeignReport(f"{head.node}'s {what}")
    return head, _models(raw.get("models", {}))


def _models(said: object) -> dict[ModelName, bytes]:
    if not isinstance(said, dict):
        raise BadReport("not readable: its models are no object")
    if len(said) > MAX_MODELS:
        raise BadReport(f"too big: {len(said):,} models, at most {MAX_MODELS:,}")
    try:
        return {ModelName.parse(name): to_json(body) for name, body in said.items()}
    except ValueError as error:
        raise BadReport(f"not readable: {wording.of_library(error)}") from error
