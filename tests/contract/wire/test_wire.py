"""The wire format, pinned by golden files: what services of one minor version write, those of the next can read.

`golden/` holds what was once written. A change that breaks one of these tests breaks a cluster in which old and new
services run side by side. New fields get a default, and go into a new file; a file that is there is never edited.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from events import cloudevents, cluster, commands, messages
from events.cloudevents import Envelope
from events.commands import Answer, Command
from events.desired import Desired
from events.hint import Hint
from events.messages import Event
from events.names import ModelName, NodeName
from events.status import ConfiguratorReport, PullerReport
from master.fleet.state import FleetState
from master.fleet.views import CellState

GOLDEN = Path(__file__).with_name("golden")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODE, MODEL = NodeName("node.1"), ModelName("half_plus_two")


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def assert_holds(now: object, before: object) -> None:
    """Fail unless all of `before` is in `now`, at its place."""
    if isinstance(now, dict) and isinstance(before, dict):
        for name, value in before.items():
            assert_holds(now[name], value)
    elif isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        for ours, theirs in zip(now, before, strict=True):
            assert_holds(ours, theirs)
    else:
        assert now == before


def written(model: BaseModel) -> dict[str, object]:
    return dict(json.loads(model.model_dump_json()))


@pytest.mark.parametrize("kind", messages.ALL, ids=lambda kind: kind.type)
def test_events_of_before_are_read(kind: type[Event]) -> None:
    """Each event type is read back with every field, and written as it was."""
    names = ("events", "events_of_loads", "events_of_exchange", "events_of_late_files", "events_of_proofs")
    files = [f"{name}.jsonl" for name in names]
    lines = [json.loads(line) for file in files for line in golden(file).splitlines()]
    line = next(line for line in lines if line["type"] == f"{cloudevents.TYPE_PREFIX}{kind.type}")
    assert_read_and_written(kind, line)


def test_a_change_is_read_with_its_reason() -> None:
    """It came later, and stands beside what was there."""
    assert_read_and_written(messages.ChangeMade, json.loads(golden("events_with_reason.jsonl")))


def assert_read_and_written(kind: type[Event], line: dict[str, str]) -> None:
    envelope, event = cloudevents.parse(json.dumps(line).encode())
    assert isinstance(event, kind)
    source = cloudevents.Source(node=NODE, service=line["source"].rsplit("/", 1)[1])
    again = cloudevents.render(event, source=source, event_id=envelope.id, time=envelope.time)
    assert_holds(json.loads(again), line)


def test_events_of_later_are_read_as_far_as_they_are_known() -> None:
    """Unknown fields are passed over, in the envelope and in the event."""
    line = json.loads(golden("events.jsonl").splitlines()[0])
    line["data"]["later"] = {"a": 1}
    line["later"] = "b"
    envelope, _ = cloudevents.parse(json.dumps(line).encode())
    assert isinstance(envelope, Envelope)


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("puller_report.json", PullerReport),
        ("puller_report_with_warnings.json", PullerReport),
        ("puller_report_with_bytes_of_models.json", PullerReport),
        ("puller_report_with_source.json", PullerReport),
        ("puller_report_with_names.json", PullerReport),
        ("configurator_report.json", ConfiguratorReport),
        ("configurator_report_with_address.json", ConfiguratorReport),
        ("configurator_report_with_default_version.json", ConfiguratorReport),
        ("configurator_report_with_reload_lock.json", ConfiguratorReport),
        ("configurator_report_with_revision.json", ConfiguratorReport),
        ("desired.json", Desired),
        ("answer.json", Answer),
        ("hint.json", Hint),
    ],
)
def test_documents_of_before_are_read_and_written_alike(file: str, kind: type[BaseModel]) -> None:
    """Reports, desired documents, answers and hints keep their names and shapes; what came later stands beside it."""
    now, before = written(kind.model_validate_json(golden(file))), json.loads(golden(file))
    assert_holds(now, before)


@pytest.mark.parametrize("kind", [*commands.PULLER, *commands.CONFIGURATOR], ids=lambda kind: kind.name)
def test_requests_to_nodes_of_before_are_followed(kind: type[Command]) -> None:
    """An old master's request is understood by a new node."""
    request = json.loads(golden("node_requests.json"))[kind.name]
    assert isinstance(commands.parse(kind, json.dumps(request).encode(), now=NOW), kind)


@pytest.mark.parametrize("kind", cluster.ALL, ids=lambda kind: kind.name)
def test_requests_to_the_cluster_of_before_are_followed(kind: type[Command]) -> None:
    """An old script's request is understood by a new master."""
    files = [json.loads(golden(name)) for name in ("cluster_requests.json", "cluster_requests_with_reasons.json")]
    requests = [file[kind.name] for file in files if kind.name in file]
    assert requests
    for request in requests:
        assert isinstance(commands.parse(kind, json.dumps(request).encode(), now=NOW), kind)


def test_reports_of_before_and_of_later_make_the_same_view() -> None:
    """A master shows an old node and a newer one alike; a state it does not know is shown as such, never dropped."""

    def state(change: Callable[[dict[str, object]], None]) -> CellState:
        report = json.loads(golden("configurator_report.json"))
        change(report)
        fold = FleetState()
        fold.report(NODE, "configurator", json.dumps(report).encode())
        return fold.nodes[NODE].cells[MODEL].state

    def without_http(report: dict[str, object]) -> None:
        del report["http"]

    def with_more(report: dict[str, object]) -> None:
        report["later"] = {}
        report["models"][MODEL]["later"] = 1  # type: ignore[index]  # JSON

    def with_new_word(report: dict[str, object]) -> None:
        report["models"][MODEL]["versions"][0]["state"] = "pondering"  # type: ignore[index]  # JSON

    assert state(without_http) == state(with_more) == CellState.SERVING
    assert state(with_new_word) is CellState.FAILED
