"""A request becomes a reply as from the official server: status, body, words."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework.tensor_pb2 import TensorProto

from infra.tfserving.rest.answers import Call, Reply, answer
from infra.tfserving.servable import Code, RequestFailure
from tests.support.tfserving_rest import FLOAT, STRING, FakeCore, FakeServable

STATUS_OF_SEVEN = """{
 "model_version_status": [
  {
   "version": "7",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""
METADATA = """{
"model_spec":{
 "name": "m",
 "version": "7",
 "signature_name": ""
}
,
"metadata": {"signature_def": {
 "signature_def": {
  "serving_default": {
   "inputs": {
    "x": {
     "name": "x:0",
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       }
      ],
      "unknown_rank": false
     }
    }
   },
   "outputs": {
    "y": {
     "name": "y:0",
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       }
      ],
      "unknown_rank": false
     }
    }
   },
   "method_name": "tensorflow/serving/predict",
   "defaults": {}
  }
 }
}
}
}
"""


KEYS = st.sampled_from(["instances", "inputs", "signature_name", "examples", "context", "x", "b64"]) | st.text()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["regress", "classify"])
hostile_values = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12)
hostile_bodies = st.binary() | st.dictionaries(KEYS, hostile_values).map(lambda body: json.dumps(body).encode())


def post(core: FakeCore, verb: str, body: object, *, model: str = "m") -> Reply:
    """Send a body."""
    return answer(core, Call("POST", f"/v1/models/{model}:{verb}", json.dumps(body).encode()))


def error_of(reply: Reply) -> str:
    """Return the words of a failure."""
    fields = json.loads(reply.body)
    assert list(fields) == ["error"]
    return str(fields["error"])


def test_a_status_prints_every_field_and_64_bit_numbers_as_strings() -> None:
    """The body is protobuf's JSON with defaults."""
    reply = answer(FakeCore(), Call("GET", "/v1/models/m/versions/7"))
    assert (reply.status, reply.body.decode()) == (200, STATUS_OF_SEVEN)


def test_a_failed_version_is_still_a_status_of_200() -> None:
    """The code says whether the question was answered, not whether the model works."""
    reply = answer(FakeCore(), Call("GET", "/v1/models/m"))
    failed = json.loads(reply.body)["model_version_status"][0]
    assert reply.status == 200
    assert failed["state"] == "END"
    assert failed["status"] == {"error_code": "DATA_LOSS", "error_message": 'file "x" is too short'}


def test_metadata_prints_the_signatures_with_all_defaults() -> None:
    """The body is that of the official server, to the line."""
    core = FakeCore(FakeServable(signatures={"serving_default": FakeServable().signatures["serving_default"]}))
    for path in ("/v1/models/m/metadata", "/v1/models/m/versions/7/metadata", "/v1/models/m/labels/stable/metadata"):
        reply = answer(core, Call("GET", path))
        assert (reply.status, reply.body.decode()) == (200, METADATA)


def test_an_inference_answers_in_the_form_of_its_request() -> None:
    """Rows for rows, columns for columns."""
    core = FakeCore()
    assert json.loads(post(core, "predict", {"instances": [1, 2]}).body) == {"predictions": [2.0, 4.0]}
    assert json.loads(post(core, "predict", {"inputs": {"x": [1, 2]}}).body) == {"outputs": [2.0, 4.0]}


def test_examples_are_classified_and_regressed() -> None:
    """Both verbs take examples, and the signature by name."""
    two = TensorProto(dtype=FLOAT, float_val=[0.5, 0.25])
    two.tensor_shape.dim.add(size=2)
    regress = FakeCore(FakeServable(lambda _feeds, _fetches: [two]))
    examples = [{"a": 1.0}, {"a": 2.0}]
    reply = post(regress, "regress", {"signature_name": "regress", "examples": examples})
    assert json.loads(reply.body) == {"results": [0.5, 0.25]}
    labels, scores = TensorProto(dtype=STRING, string_val=[b"a", b"b"]), TensorProto(dtype=FLOAT, float_val=[1, 2])
    for tensor in (labels, scores):
        tensor.tensor_shape.dim.add(size=2)
        tensor.tensor_shape.dim.add(size=1)
    classify = FakeCore(FakeServable(lambda _feeds, _fetches: [labels, scores]))
    reply = post(classify, "classify", {"signature_name": "classify", "examples": examples})
    assert json.loads(reply.body) == {"results": [[["a", 1.0]], [["b", 2.0]]]}


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (Call("GET", "/v1/models"), 400, "Missing model name in request."),
        (Call("GET", "/v1/models/none"), 404, "Could not find any versions of model none"),
        (Call("GET", "/v1/models/none/metadata"), 404, "Servable not found for request: Latest(none)"),
        (
            Call("POST", "/v1/models/none:predict", b'{"inputs": 1}'),
            404,
            "Servable not found for request: Latest(none)",
        ),
        (Call("GET", "/v1/models/m:predict"), 400, "Malformed request: GET /v1/models/m:predict"),
        (
            Call("POST", "/v1/models/m:predict", b"{"),
            400,
            "JSON Parse error: Missing a name for object member. at offset: 1",
        ),
        (
            Call("POST", "/v1/models/m:predict", b'{"signature_name": "s", "inputs": 1}'),
            400,
            'Serving signature name: "s" not found in signature def',
        ),
        (
            Call("POST", "/v1/models/m:regress", b'{"signature_name": "s", "examples": [{}]}'),
            400,
            "No signature was found with the name: s",
        ),
    ],
)
def test_failures_say_what_the_official_server_says(call: Call, status: int, words: str) -> None:
    """Clients match on these texts."""
    reply = answer(FakeCore(), call)
    assert (reply.status, error_of(reply)) == (status, words)


@pytest.mark.parametrize("name", [b"\xff", b"\\udc80", b"\xed\xa0\x80"])
def test_names_that_are_no_text_are_names_nobody_has(name: bytes) -> None:
    """Whatever bytes a client sends, the answer is a refusal and not a crash."""
    bodies = (
        b'{"signature_name": "' + name + b'", "inputs": 1}',
        b'{"instances": [{"' + name + b'": 1}]}',
        b'{"examples": [{"' + name + b'": null}]}',
        b'{"examples": [{"' + name + b'": 1}]}',
    )
    for verb, body in zip(("predict", "predict", "regress", "regress"), bodies, strict=True):
        assert answer(FakeCore(), Call("POST", f"/v1/models/m:{verb}", body)).status == 400


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["predict", "classify", "regress"]), hostile_bodies)
def test_no_body_brings_the_server_down(verb: str, body: bytes) -> None:
    """Whatever is sent is answered or refused, as JSON."""
    reply = answer(FakeCore(), Call("POST", f"/v1/models/m:{verb}", body))
    assert reply.status in (200, 400)
    assert isinstance(json.loads(reply.body.decode(errors="replace")), dict)


def test_a_version_that_is_no_int64_is_refused_without_a_body() -> None:
    """A quirk of the official server that a client may meet."""
    assert answer(FakeCore(), Call("GET", "/v1/models/m/versions/9223372036854775808")) == Reply(400, b"")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.CANCELLED, 499),
        (Code.UNKNOWN, 500),
        (Code.INVALID_ARGUMENT, 400),
        (Code.DEADLINE_EXCEEDED, 504),
        (Code.NOT_FOUND, 404),
        (Code.RESOURCE_EXHAUSTED, 429),
        (Code.FAILED_PRECONDITION, 400),
        (Code.OUT_OF_RANGE, 400),
        (Code.UNIMPLEMENTED, 501),
        (Code.INTERNAL, 500),
        (Code.UNAVAILABLE, 503),
        (Code.DATA_LOSS, 500),
    ],
)
def test_codes_become_http_statuses(code: Code, status: int) -> None:
    """The mapping is the official one, and the body always the same shape."""
    reply = post(FakeCore(refusal=RequestFailure(code, 'why "this"')), "predict", {"inputs": 1})
    assert reply == Reply(status, b'{\n    "error": "why \\"this\\""\n}')


def test_inferences_are_counted_and_lent_versions_given_back() -> None:
    """Every predict, classify and regress is counted once, whatever becomes of it; questions are not."""
    core = FakeCore()
    post(core, "predict", {"instances": [1]})
    post(core, "predict", {})
    post(core, "regress", {"examples": []})
    answer(core, Call("GET", "/v1/models/m"))
    assert core.recorded == [
        ("m", "Predict", "REST", Code.OK),
        ("m", "Predict", "REST", Code.INVALID_ARGUMENT),
        ("m", "Regress", "REST", Code.INVALID_ARGUMENT),
    ]
    assert core.lent == 0
