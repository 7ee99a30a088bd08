"""Warm-up files that would fail a load are refused before a version counts."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from service import warmup
from service.errors import Invalid
from service.saved_model import Needs
from tests.support.exports import delimited, logged, record

NEEDS = Needs(variables=True, assets=frozenset(), signatures=frozenset({"serving_default", "other"}))
PREDICT, MULTI, SESSION = 6, 4, 5


def predict(signature: str = "", name: str = "m") -> PredictRequest:
    """Return a request as people record them."""
    request = PredictRequest(model_spec=ModelSpec(name=name, signature_name=signature))
    request.inputs["input_example_tensor"].float_val.extend([1.0] * 50)
    return request


def multi(name: str) -> MultiInferenceRequest:
    """Return a request of two signatures."""
    request = MultiInferenceRequest()
    for signature in ("", "other"):
        request.tasks.add(model_spec=ModelSpec(name=name, signature_name=signature))
    return request


def refused(folder: Path, content: bytes, needs: Needs | None = NEEDS) -> str:
    """Say why a file is refused; empty where it is not."""
    path = folder / warmup.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        asyncio.run(warmup.check(folder, needs))
    except Invalid as error:
        return str(error)
    return ""


GOOD = {
    "requests": record(logged(PREDICT, predict())) * 1000,
    "a signature by name": record(logged(PREDICT, predict("other"))),
    "several signatures": record(logged(MULTI, multi("m"))),
    "metadata": record(
        delimited(1, delimited(1, ModelSpec(name="m").SerializeToString())) + logged(PREDICT, predict())
    ),
    "no request in it": record(b""),
    "empty": b"",
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_what_tensorflow_serving_replays_is_taken(tmp_path: Path, content: bytes) -> None:
    """As many records as it takes."""
    assert refused(tmp_path, content) == ""


def test_a_version_without_the_file_is_taken(tmp_path: Path) -> None:
    """Most have none."""
    asyncio.run(warmup.check(tmp_path, NEEDS))


BAD = {
    "requests and no logs": (record(predict().SerializeToString()), "record 1 is no PredictionLog"),
    "the third": (record(logged(PREDICT, predict())) * 2 + record(b"\xff"), "record 3 is no PredictionLog"),
    "a cut request": (record(logged(PREDICT, predict())[:40]), "record 1 is no PredictionLog"),
    "no TFRecord": (b"this is no TFRecord file", "is no TFRecord file: corrupted record at 0"),
    "cut off": (record(b"")[:-1], "is no TFRecord file: truncated record at 0"),
    "a length beyond all": (b"\xff" * 8 + b"\x00" * 20, "is no TFRecord file"),
    "too many": (record(logged(PREDICT, predict())) * 1001, "more than 1000 records"),
    "no such signature": (record(logged(PREDICT, predict("x\x1b"))), r"'x\\x1b', which the version does not have"),
    "a session": (record(delimited(SESSION, b"")), "a session run"),
    "several without name": (record(logged(MULTI, multi(""))), "names no model"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_what_would_fail_the_load_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    """It says which record, and never shows its bytes."""
    reason = refused(tmp_path, content)
    assert words in reason
    assert reason.isprintable()
    assert len(reason) < 400


def test_signatures_that_nobody_read_are_not_judged(tmp_path: Path) -> None:
    """A graph as text is not read."""
    content = record(logged(PREDICT, predict("x")))
    assert refused(tmp_path, content, None) == ""


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_record_is_taken_or_refused(contents: list[bytes]) -> None:
    """Nothing else is raised, whatever stands in it."""
    with tempfile.TemporaryDirectory() as folder:
        refused(Path(folder), b"".join(map(record, contents)))
