"""The warm-up requests that a version may bring, `assets.extra/tf_serving_warmup_requests`, looked at before it counts.

TensorFlow Serving replays them at each load. A file it cannot read fails the load on every node, and puts the record's
raw bytes into the error (trap D14). So whoever publishes a version looks first: the records are PredictionLogs, no
more than TensorFlow Serving takes, and the signatures they ask for exist. What cannot be told is left to it.
"""

import asyncio
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from events.names import FileName
from events.wording import clean
from service.errors import Invalid
from service.files import disk_errors
from service.saved_model import Needs
from service.tfrecord import Damaged, records
from service.wire import Malformed, Part, Wire

FILE: Final = FileName("assets.extra/tf_serving_warmup_requests")
MAX_RECORDS: Final = 1000
MAX_FIELDS: Final = 2_000_000  # a request has some hundred fields; a hostile one shall not cost minutes
DEFAULT_SIGNATURE: Final = "serving_default"
WRITE: Final = "write the file as TensorFlow Serving's guide on warm-up shows, or leave it out"

# Field numbers of prediction_log.proto and what it is made of.
METADATA, CLASSIFY, REGRESS, MULTI_INFERENCE, SESSION_RUN, PREDICT = 1, 2, 3, 4, 5, 6
REQUEST: Final = 1  # in every kind of log
MODEL_SPEC: Final = 1  # in every request, in each task of a MultiInferenceRequest, and in the metadata
TASKS: Final = 1
NAME, SIGNATURE = 1, 3  # ModelSpec
LOGS: Final[Mapping[int, str]] = {
    CLASSIFY: "classify",
    REGRESS: "regress",
    MULTI_INFERENCE: "multi",
    PREDICT: "predict",
}


async def check(version: Path, needs: Needs | None) -> None:
    """Do as `refuse`, in a thread."""
    await asyncio.to_thread(refuse, version, needs)


def refuse(version: Path, needs: Needs | None) -> None:
    """Raise `Invalid` where a version's warm-up file would fail its load; `Transient` where it cannot be read now."""
    path = version / FILE
    with disk_errors(f"cannot read {path}"):
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_records(data, needs.signatures if needs else None)


def _check_records(data: mmap.mmap, signatures: frozenset[str] | None) -> None:
    wire, number = Wire(data, max_fields=MAX_FIELDS), 0
    try:
        for number, record in enumerate(records(data), start=1):
            if number > MAX_RECORDS:
                raise Invalid(f"{FILE} has more than {MAX_RECORDS} records, and TensorFlow Serving takes no more")
            if problem := _problem(wire, record, signatures):
                raise Invalid(f"{FILE}: record {number} {problem}")
    except Damaged as error:
        raise Invalid(f"{FILE} is no TFRecord file: {error}; {WRITE}") from error
    except Malformed as error:
        raise Invalid(f"{FILE}: record {number} is no PredictionLog: {error}; {WRITE}") from error


def _problem(wire: Wire, record: Part, signatures: frozenset[str] | None) -> str:
    """Say why TensorFlow Serving would not replay a record; empty where it would."""
    logs = {}
    for number, part in wire.fields(record):
        if number == METADATA:
            _walk(wire, part, depth=1)  # its model spec
        elif number in LOGS or number == SESSION_RUN:
            logs = {number: part}  # of several the last one counts
            _walk(wire, part, depth=2)  # the request, and its model spec or task
    if SESSION_RUN in logs:
        return "asks for a session run, which TensorFlow Serving does not replay"
    for kind, log in logs.items():
        for spec in _specs(wire, log, kind):
            if problem := _spec_problem(wire, spec, kind, signatures):
                return problem
    return ""


def _walk(wire: Wire, message: Part, *, depth: int) -> None:
    """Make sure that a message is one, and so are the first fields in it, down to a depth: those are messages too."""
    for number, part in wire.fields(message):
        if depth and number == 1:
            _walk(wire, part, depth=depth - 1)


def _specs(wire: Wire, log: Part, kind: int) -> list[Part]:
    path = (REQUEST, TASKS, MODEL_SPEC) if kind == MULTI_INFERENCE else (REQUEST, MODEL_SPEC)
    return list(wire.find(log, *path))


def _spec_problem(wire: Wire, spec: Part, kind: int, signatures: frozenset[str] | None) -> str:
    found = {number: wire.name(part) for number, part in wire.fields(spec) if number in {NAME, SIGNATURE}}
    if kind == MULTI_INFERENCE and not found.get(NAME):
        return "asks several signatures and names no model, which TensorFlow Serving refuses"
    signature = found.get(SIGNATURE, b"").decode(errors="replace") or DEFAULT_SIGNATURE
    if signatures is None or signature in signatures:
        return ""
    return f"asks for signature {clean(signature, most=80)!a}, which the version does not have"
