"""Answer one REST request: a plain function from request to reply, run in a thread of its own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from infra.tfserving.rest.example_json import classify_body, read_input, regress_body
from infra.tfserving.rest.json_text import Json, Writer, parse, print_bytes, refused
from infra.tfserving.rest.model_json import metadata_body, status_body
from infra.tfserving.rest.paths import BadVersion, Target, parse_target
from infra.tfserving.rest.predict_json import predict_body, predict_request, signature_name
from infra.tfserving.servable import Code, Core, Found, Served, StatusError

HTTP_STATUS: Mapping[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.UNAUTHENTICATED: 401,
}  # every other code: 500


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came: the path percent-encoded and with its query."""

    method: str
    path: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and a body of JSON, or none."""

    status: int
    body: bytes


def answer(core: Core, call: Call) -> Reply:
    """Answer a request; failures become `{"error": ...}`."""
    try:
        target = parse_target(call.method, call.path)
        return Reply(200, print_bytes(answer_target(core, target, body=call.body)))
    except BadVersion as failure:
        return Reply(HTTP_STATUS[failure.code], b"")
    except StatusError as failure:
        return failed(failure)


def failed(failure: StatusError) -> Reply:
    """Return the reply of a failure."""
    writer = Writer()
    writer.start("{")
    writer.string("error")
    writer.string(failure.message)
    writer.end("}")
    return Reply(HTTP_STATUS.get(failure.code, 500), print_bytes(writer.text()))


def answer_target(core: Core, target: Target, *, body: bytes) -> str:
    """Return the body of an answer."""
    if target.verb in INFERENCES:
        return infer(core, target, body=body)
    if not target.model:
        raise refused("Missing model name in request.")
    if target.verb == "metadata":
        with core.find(target.model, version=target.version, label=target.label) as found:
            return metadata_body(found)
    return status_body(core.status(target.model, version=target.version))


def infer(core: Core, target: Target, *, body: bytes) -> str:
    """Run an inference and count it."""
    began, code = time.monotonic(), Code.OK
    try:
        return run_inference(core, target, body=body)
    except StatusError as failure:
        code = failure.code
        raise
    finally:
        core.record(Served(target.model, target.verb.capitalize(), "REST", code, time.monotonic() - began))


def run_inference(core: Core, target: Target, *, body: bytes) -> str:
    """Run an inference on the version asked for."""
    try:
        request = parse(body)
        with core.find(target.model, version=target.version, label=target.label) as found:
            return INFERENCES[target.verb](found, request)
    except RecursionError as error:
        raise refused("JSON Parse error: Nested too deeply.") from error


def predict(found: Found, body: Mapping[str, Json]) -> str:
    """Answer a Predict."""

    def inputs_of(signature: str) -> Mapping[str, TensorInfo]:
        name = signature or "serving_default"
        if name not in found.servable.signatures:
            raise refused(f'Serving signature name: "{name}" not found in signature def')
        return dict(found.servable.signatures[name].inputs)

    request, form = predict_request(body, inputs_of)
    return predict_body(found.servable.predict(request).outputs, form)


def classify(found: Found, body: Mapping[str, Json]) -> str:
    """Answer a Classify."""
    request = ClassificationRequest()
    request.model_spec.signature_name = signature_name(body)
    request.input.CopyFrom(read_input(body))
    return classify_body(found.servable.classify(request).result)


def regress(found: Found, body: Mapping[str, Json]) -> str:
    """Answer a Regress."""
    request = RegressionRequest()
    request.model_spec.signature_name = signature_name(body)
    request.input.CopyFrom(read_input(body))
    return regress_body(found.servable.regress(request).result)


INFERENCES: Mapping[str, Callable[[Found, Mapping[str, Json]], str]] = {
    "predict": predict,
    "classify": classify,
    "regress": regress,
}
