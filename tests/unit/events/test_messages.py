"""Messages: CloudEvents 1.0, readable one minor version apart."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import cloudevents, messages, subjects
from events.cloudevents import BadMessage, Source
from events.messages import ChangeMade, CommandSent, VersionPublished
from events.names import ModelName, NodeName, Version
from service.streams import CHANGE_BYTES

EVENT = VersionPublished(model=ModelName("m"), version=Version(3), files=2, bytes=10)
SOURCE = Source(node=NodeName("n1"), service="puller")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def rendered(**change: object) -> bytes:
    document = json.loads(cloudevents.render(EVENT, source=SOURCE, event_id="e1", time=MOMENT))
    return json.dumps(document | change).encode()


def test_wire_format_holds() -> None:
    """Golden: this is what other programs read."""
    assert json.loads(rendered()) == {
        "specversion": "1.0",
        "id": "e1",
        "source": "/nodes/n1/puller",
        "type": "mm.v1.version.published",
        "subject": "m/3",
        "time": "2026-01-02T03:04:05Z",
        "datacontenttype": "application/json",
        "data": {"model": "m", "version": 3, "files": 2, "bytes": 10, "signed_by": "", "provenance": ""},
    }


def test_event_is_read_as_it_was_written() -> None:
    """Both ends agree."""
    envelope, event = cloudevents.parse(rendered())
    assert event == EVENT
    assert envelope.time == MOMENT


def test_fields_of_a_later_minor_version_are_ignored() -> None:
    """An older reader understands a newer writer."""
    data = {"model": "m", "version": 3, "files": 2, "bytes": 10, "colour": "red"}
    assert cloudevents.parse(rendered(data=data, traceparent="00-x"))[1] == EVENT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        rendered(type="mm.v1.unheard.of"),
        rendered(data={"model": "../x", "version": 3, "files": 2, "bytes": 10}),
        rendered(data={}),
        b" " * (cloudevents.MAX_MESSAGE_BYTES + 1),
    ],
)
def test_anything_else_is_a_bad_message(data: bytes) -> None:
    """Hostile or broken messages are refused with a reason, never more."""
    with pytest.raises(BadMessage):
        cloudevents.parse(data)


def test_every_type_is_listed_once() -> None:
    """The list of events is closed, and names are unique."""
    types = [event.type for event in messages.ALL]
    assert len(set(types)) == len(types)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True))
def test_any_name_is_one_token_and_can_be_read_back(name: str) -> None:
    """Dots in names never change the depth of a subject, nor make two names one."""
    token = subjects.token(name)
    assert "." not in token
    assert subjects.name(token) == name


def test_subject_of_an_event_names_node_service_type_model_and_version() -> None:
    """Subscribers can choose by each part, and an event about no model has as many parts."""
    node, model = NodeName("rack1.example"), ModelName("half.plus")
    about = subjects.event(node, "puller", VersionPublished.type, (model, Version(0)))
    assert about == "mm.v1.event.rack1=2Eexample.puller.version.published.half=2Eplus.0"
    assert subjects.event(node, "puller", "x.y", (model, None)).endswith(".x.y.half=2Eplus._")
    assert subjects.event(node, "configurator", "serving.lost").endswith(".serving.lost._._")
    head = "mm.v1.event.rack1=2Eexample.puller.version.published"
    assert subjects.events(node, "puller", "version.published") == f"{head}.>"
    assert subjects.events_about(None, of=head) == (f"{head}.>",)
    assert subjects.events_about(model, of=head) == (f"{head}.half=2Eplus", f"{head}.half=2Eplus.*")
    assert subjects.events_about(model, Version(0), of=head) == (f"{head}.half=2Eplus", f"{head}.half=2Eplus.0")
    assert subjects.event_type(about) == "version.published"
    assert subjects.source(about) == (node, "puller")


LONGEST = tuple(NodeName(f"{number:05}" + "x" * 248) for number in range(10_000))


@pytest.mark.parametrize(
    "record",
    [
        ChangeMade(
            model=ModelName("m" * 128),
            actor="\u20ac" * 9_999,
            command="\x1b" * 9_999,
            summary='"' * 99_999,
            reason="\u20ac" * 9_999,
            nodes=LONGEST,
            revision_before=0,
            revision=1,
            request="\U0001f600" * 9_999,
        ),
        CommandSent(actor="a", command="sync", nodes=LONGEST, unanswered=LONGEST),
    ],
)
def test_a_record_fits_whoever_wrote_it(record: ChangeMade | CommandSent) -> None:
    """Into an event, and into the headers of a write, of which JetStream takes 64 KiB; what is left out is counted."""
    short = messages.short(record)
    assert len(short.nodes) > 100
    assert len(short.nodes) + short.more_nodes == 10_000
    assert messages.short(short) == short
    if isinstance(record, ChangeMade):
        assert len(short.model_dump_json().encode()) < CHANGE_BYTES - 1024
    data = cloudevents.render(short, source=SOURCE, event_id="e", time=MOMENT)
    assert cloudevents.parse(data)[1] == short


def test_a_record_of_few_nodes_is_left_as_it_is() -> None:
    """Nothing is cut that fits."""
    record = CommandSent(actor="a", command="sync", nodes=(NodeName("a"), NodeName("b")), unanswered=(NodeName("b"),))
    assert messages.short(record) == record
