"""Whatever comes from outside has a greatest length, and its first error is its last."""

import importlib
import json
import pkgutil
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from events import bounds, desired, manifest, wording
from events.commands import Answer
from events.names import NodeName
from events.status import Connection, Disk, Pass, PullerReport, Report, Stage
from master.fleet.reports import BadReport
from master.fleet.state import FleetState
from service.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UP = Connection(is_connected=True, since=NOW)
PACKAGES = ("events", "service", "puller")
COLLECTIONS = {"list", "tuple", "dict", "set", "frozenset", "generator"}
MIB = 1024 * 1024


def modules() -> Iterator[str]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield from (module.name for module in pkgutil.iter_modules(package.__path__, f"{name}."))


def documents() -> dict[str, type[BaseModel]]:
    """All classes of documents in the packages."""
    found: dict[str, type[BaseModel]] = {}
    for module in modules():
        if module.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module:
                found[f"{module}.{value.__name__}"] = value
    return {name: kind for name, kind in found.items() if not issubclass(kind, Settings)}


def unbounded(schema: object, path: str) -> Iterator[str]:
    """The places below a schema where a collection has no greatest length, or goes on after its first error."""
    if isinstance(schema, dict):
        if str(schema.get("type")) in COLLECTIONS and not (schema.get("fail_fast") and schema.get("max_length")):
            yield path
        for key, value in schema.items():
            yield from unbounded(value, f"{path}.{key}") if key not in {"metadata", "serialization"} else ()
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from unbounded(value, path)


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_collection_of_every_document_is_bounded(name: str) -> None:
    """A list of a million wrong items would cost 3 kB for each, in each process that reads it."""
    kind = documents()[name]
    kind.model_rebuild()
    assert list(unbounded(kind.__pydantic_core_schema__, name)) == []


def error_of(read: object, data: bytes) -> ValidationError | None:
    """What pydantic found wrong behind a refusal."""
    assert callable(read)
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - each reader has its own kind
        read(data)
    cause = refused.value.__cause__ or refused.value
    return cause if isinstance(cause, ValidationError) else None


def entries(count: int, before: bytes, after: bytes) -> bytes:
    return before + b",".join([b"{}"] * count) + after


@pytest.mark.parametrize(
    ("read", "before", "after"),
    [
        (manifest.parse, b'{"format": "model-manager.manifest/1", "files": [', b"]}"),
        (desired.parse, b'{"policy": {"held": [', b"]}}"),
        (Answer.model_validate_json, b'{"node": "n", "service": "puller", "is_done": true, "sentences": [', b"]}"),
    ],
)  # fmt: skip
def test_half_a_megabyte_of_empty_objects_costs_little(read: object, before: bytes, after: bytes) -> None:
    """170,000 wrong items are refused without an error being made for each, and without much memory."""
    for count in (1_000, 170_000):
        data = entries(count, before, after)
        tracemalloc.start()
        error = error_of(read, data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error is None or error.error_count() <= 4
        assert peak < MIB // 2


@pytest.mark.parametrize("count", [bounds.MANIFEST.max_values, 5_000_000])
def test_a_document_of_too_many_values_is_not_even_parsed(count: int) -> None:
    """Parsing alone takes 30 times the bytes of empty objects."""
    data = entries(count, b'{"format": "model-manager.manifest/1", "files": [', b"]}")
    with pytest.raises(manifest.BadManifest, match="too big"):
        manifest.parse(data)


def test_a_manifest_of_the_largest_version_is_taken() -> None:
    """The bounds are above what is allowed."""
    file = {"name": "", "size": 2**62, "crc32c": "AAAAAA=="}
    files = [{**file, "name": f"assets/{'long' * 15}/{number}, {{}}"} for number in range(bounds.MAX_FILES)]
    found = manifest.parse(json.dumps({"format": manifest.FORMAT, "files": files}, indent=2).encode())
    assert len(found) == bounds.MAX_FILES


def test_an_error_of_many_parts_is_counted_and_not_asked_for() -> None:
    """Unknown fields are an error each; pydantic would make a dict of every one."""

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")

    with pytest.raises(ValidationError) as found:
        Strict.model_validate({f"field{number}": 1 for number in range(20_000)})
    tracemalloc.start()
    words = wording.problems(found.value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words == "document: 20000 things are wrong with it"
    assert peak < MIB


def head(**more: object) -> dict[str, object]:
    return {
        **Report(
            node=NodeName("n"), service="puller", software="1", started=NOW, reported=NOW,
            is_ready=True, last_pass=Pass(), nats=UP,
        ).model_dump(),
        **more,
    }  # fmt: skip


def report(**more: object) -> PullerReport:
    return PullerReport.model_validate(head(bucket=UP, pubsub=UP, disk=Disk(total=9, free=5, reserve=1), **more))


DIGITS = b"9" * 400


@pytest.mark.parametrize("field", ["seconds", "total", "unparseable", "version"])
def test_a_number_of_400_digits_makes_a_report_unreadable_and_nothing_else(field: str) -> None:
    """Python takes it as an int, and the first division by it raises."""
    document = report(models={"m": [{"version": 77_001, "state": Stage.PUBLISHED, "since": NOW}]}).model_dump_json()
    marks = {
        "seconds": ('"seconds":0.0', b'"seconds":'),
        "total": ('"total":9', b'"total":'),
        "unparseable": ('"unparseable_messages":0', b'"unparseable_messages":'),
        "version": ('"version":77001', b'"version":'),
    }
    was, name = marks[field]
    data = document.encode().replace(was.encode(), name + DIGITS)
    assert DIGITS in data
    with pytest.raises(ValidationError):
        PullerReport.model_validate_json(data)
    if field in {"seconds", "total"}:  # what the fold itself reads; the models are read cell by cell
        with pytest.raises(BadReport):
            FleetState().report(NodeName("n"), "puller", data)
