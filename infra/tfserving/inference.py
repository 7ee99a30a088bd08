"""Predict, Classify and Regress over one loaded graph, with TensorFlow Serving's checks and words.

A `Run` feeds and fetches tensors by their names in the graph; signatures say which names a request means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from infra.tfserving.servable import Code, RequestFailure
from infra.tfserving.tensors import Feed

DEFAULT_SIGNATURE = "serving_default"
METHODS = tuple(f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress"))

Run = Callable[[Sequence[Feed], Sequence[str]], list[TensorProto]]
Signatures = Mapping[str, SignatureDef]


def predict(run: Run, request: PredictRequest, *, signatures: Signatures) -> PredictResponse:
    """Answer with the outputs asked for, all of them by default."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise RequestFailure(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    signature = signatures[name]
    check_method(signature)
    feeds = predict_feeds(signature, request)
    aliases = predict_outputs(signature, request)
    response = PredictResponse()
    response.model_spec.signature_name = name
    fetched = run(feeds, [signature.outputs[alias].name for alias in aliases])
    for alias, tensor in zip(aliases, fetched, strict=True):
        response.outputs[alias].CopyFrom(tensor)
    return response


def check_method(signature: SignatureDef) -> None:
    """Refuse signatures that are no inference, such as the initializer's."""
    if signature.method_name not in METHODS:
        expected = ", ".join(METHODS)
        was = signature.method_name
        raise RequestFailure(
            Code.INTERNAL, f"Expected prediction signature method_name to be one of {{{expected}}}. Was: {was}"
        )


def predict_feeds(signature: SignatureDef, request: PredictRequest) -> list[Feed]:
    """Return what to feed for each input, from the request or the signature's defaults."""
    sent, wanted = set(request.inputs), set(signature.inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({listed(sent)}) != "
            f"len({listed(wanted)}). Sent extra: {listed(sent - wanted)}. "
            f"Missing but required: {listed(wanted - sent)}."
        )
    feeds = []
    for alias in sorted(wanted):
        feed_name = signature.inputs[alias].name
        if alias not in sent and alias not in signature.defaults:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {feed_name}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {listed(sent)}, or default input alias set: "
                + ",".join(sorted(signature.defaults))
            )
        tensor = request.inputs[alias] if alias in sent else signature.defaults[alias]
        feeds.append(Feed(alias, feed_name, tensor))
    if not sent <= wanted:
        used, given = ",".join(sorted(sent & wanted)), ",".join(sorted(sent))
        raise invalid(f"Inputs contains invalid name. Used request inputs: {used}, request input: {given}")
    return feeds


def predict_outputs(signature: SignatureDef, request: PredictRequest) -> list[str]:
    """Return the outputs of `output_filter`, in its order, or all."""
    chosen: list[str] = []
    for alias in request.output_filter:
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{listed(signature.outputs)}."
            )
        if alias in chosen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        chosen.append(alias)
    return chosen or sorted(signature.outputs)


def classify(run: Run, request: ClassificationRequest, *, signatures: Signatures) -> ClassificationResponse:
    """Answer with the classes of each example: labels, scores or both."""
    signature = example_signature(request.model_spec.signature_name, signatures)
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    check_inputs(signature, "classification")
    parts = [name for name in ("classes", "scores") if name in signature.outputs]
    if not parts:
        raise invalid(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {signature}"
        )
    examples = serialized_examples(request.input)
    fetched = run_examples(run, signature, examples=examples, outputs=parts)
    for part, tensor in zip(parts, fetched, strict=True):
        check_classes(part, tensor, count=len(examples))
    response = ClassificationResponse()
    response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    fill_classes(response, dict(zip(parts, fetched, strict=True)), count=len(examples))
    return response


def check_classes(part: str, tensor: TensorProto, *, count: int) -> None:
    """Refuse an output that is no [batch, classes] of the right type."""
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    dtype = types_pb2.DT_STRING if part == "classes" else types_pb2.DT_FLOAT
    if len(sizes) != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {shape_text(sizes)}")
    if tensor.dtype != dtype:
        expected, got = types_pb2.DataType.Name(dtype), types_pb2.DataType.Name(tensor.dtype)
        raise invalid(f"Expected {part} Tensor of {expected}. Got: {got}")
    if sizes[0] != count:
        raise invalid(f"Expected {part} output batch size of {count}. Got: {sizes[0]}")


def fill_classes(response: ClassificationResponse, tensors: Mapping[str, TensorProto], *, count: int) -> None:
    """Turn the tensors of a batch into one list of classes for each example."""
    widths = [tensor.tensor_shape.dim[1].size for tensor in tensors.values()]
    if len(set(widths)) > 1:
        raise invalid(f"Tensors class and score should match in dim_size(1). Got {widths[0]} vs. {widths[1]}")
    for example in range(count):
        line = response.result.classifications.add()
        for place in range(example * widths[0], (example + 1) * widths[0]):
            label = tensors["classes"].string_val[place] if "classes" in tensors else b""
            score = tensors["scores"].float_val[place] if "scores" in tensors else 0.0
            line.classes.add(label=label.decode(errors="replace"), score=score)


def regress(run: Run, request: RegressionRequest, *, signatures: Signatures) -> RegressionResponse:
    """Answer with one number for each example."""
    signature = example_signature(request.model_spec.signature_name, signatures)
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    check_inputs(signature, "regression")
    if "outputs" not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {signature}")
    examples = serialized_examples(request.input)
    (tensor,) = run_examples(run, signature, examples=examples, outputs=["outputs"])
    check_regressions(tensor, count=len(examples))
    response = RegressionResponse()
    response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    for value in tensor.float_val:
        response.result.regressions.add(value=value)
    return response


def check_regressions(tensor: TensorProto, *, count: int) -> None:
    """Refuse an output that is no [batch] or [batch, 1] of floats."""
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if len(sizes) != 1 and not (len(sizes) == 2 and sizes[1] == 1):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got " + shape_text(sizes)
        )
    if sizes[0] != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {sizes[0]}")
    if tensor.dtype != types_pb2.DT_FLOAT:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {types_pb2.DataType.Name(tensor.dtype)}")


def example_signature(name: str, signatures: Signatures) -> SignatureDef:
    """Return the signature a request over examples means; it has one input."""
    chosen = name or DEFAULT_SIGNATURE
    if chosen not in signatures:
        raise invalid(f"No signature was found with the name: {chosen}")
    if len(signatures[chosen].inputs) != 1:
        raise invalid("Expected one input Tensor.")
    return signatures[chosen]


def check_inputs(signature: SignatureDef, kind: str) -> None:
    """Refuse a signature whose one input is not called as the method wants it."""
    if "inputs" not in signature.inputs:
        raise invalid(f"No {kind} inputs found in SignatureDef: {signature}")


def serialized_examples(given: Input) -> list[bytes]:
    """Return each example as bytes; the common context stands before the example's own features."""
    if given.WhichOneof("kind") == "example_list_with_context":
        source = given.example_list_with_context
        context = source.context.SerializeToString()
        found = [context + example.SerializeToString() for example in source.examples]
    else:
        found = [example.SerializeToString() for example in given.example_list.examples]
    if not found:
        raise invalid("Input is empty.")
    return found


def run_examples(
    run: Run, signature: SignatureDef, *, examples: Sequence[bytes], outputs: Iterable[str]
) -> list[TensorProto]:
    """Run the graph on a batch of serialized examples."""
    batch = TensorProto(dtype=types_pb2.DT_STRING, string_val=examples)
    batch.tensor_shape.dim.add(size=len(examples))
    feed = Feed("inputs", signature.inputs["inputs"].name, batch)
    return run([feed], [signature.outputs[name].name for name in outputs])


def invalid(message: str) -> RequestFailure:
    """Return the failure of a request that asks wrongly."""
    return RequestFailure(Code.INVALID_ARGUMENT, message)


def listed(names: Iterable[str]) -> str:
    """Return names as TensorFlow Serving prints a set."""
    return "{" + ",".join(sorted(names)) + "}"


def shape_text(sizes: Sequence[int]) -> str:
    """Return a shape as TensorFlow prints it."""
    return "[" + ",".join(map(str, sizes)) + "]"
