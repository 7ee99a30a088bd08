"""The JSON of Classify and Regress: `examples` (and a common `context`) into tf.Example, results into a body."""

from collections.abc import Mapping

from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from infra.tfserving.rest.json_tensor import decimal, float_of, is_base64, read_base64
from infra.tfserving.rest.json_text import Json, Writer, debug, json_type, print_bytes, refused, valid_text

KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_input(body: Mapping[str, Json]) -> Input:
    """Read the examples of a body."""
    found = Input()
    if "context" in body:
        found.example_list_with_context.context.CopyFrom(read_example(body["context"]))
    examples, shown = body.get("examples"), debug(dict(body))
    if "examples" not in body:
        raise refused(f"JSON Value: {shown} When method is classify, key 'examples' is expected and was not found")
    if not isinstance(examples, list):
        raise refused(f"JSON Value: {shown} Expecting 'examples' value to be an list/array")
    if not examples:
        raise refused(f"JSON Value: {shown} 'examples' value is an empty array")
    into = found.example_list_with_context if "context" in body else found.example_list
    into.examples.extend(read_example(example) for example in examples)
    return found


def read_example(value: Json) -> Example:
    """Read an object of features; a feature is a value or a list of them."""
    if not isinstance(value, dict):
        raise refused(f"Example must be JSON object but got JSON {json_type(value)}")
    example = Example()
    for name, content in value.items():
        feature = Feature()
        for item in content if isinstance(content, list) else [content]:
            add_value(feature, name, value=item)
        example.features.feature[valid_text(name)].CopyFrom(feature)
    return example


def add_value(feature: Feature, name: str, *, value: Json) -> None:
    """Add a value to the list of its kind; a feature has one kind only."""
    kind, item = feature_value(name, value)
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise refused(f"Unexpected element type in feature: {name} expecting type: {KINDS[present]}")
    getattr(feature, kind).value.append(item)


def feature_value(name: str, value: Json) -> tuple[str, int | float | bytes]:
    """Return the kind of list a JSON value belongs into, and what goes there."""
    match value:
        case bool():
            return "int64_list", int(value)
        case str():
            return "bytes_list", print_bytes(value)
        case dict() if is_base64(value):
            return "bytes_list", read_base64(value)
        case int() if -(2**63) <= value < 2**63:
            return "int64_list", value
        case int() if 0 < value < 2**64:
            raise refused(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        case int() | float():
            return "float_list", float_of(value)
        case _:
            raise refused(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")


def classify_body(result: ClassificationResult) -> str:
    """Print the classes of each example as pairs of label and score."""
    if not result.classifications:
        raise refused("Cannot convert empty ClassificationResults to JSON")
    writer = results()
    for line in result.classifications:
        writer.single_line = True
        writer.start("[")
        for found in line.classes:
            writer.start("[")
            writer.string(found.label)
            writer.raw(decimal(found.score))
            writer.end("]")
        writer.end("]")
        writer.single_line = False
    return finish(writer)


def regress_body(result: RegressionResult) -> str:
    """Print the number of each example."""
    if not result.regressions:
        raise refused("Cannot convert empty RegressionResults to JSON")
    writer = results(single_line=True)
    for found in result.regressions:
        writer.raw(decimal(found.value))
    return finish(writer)


def results(*, single_line: bool = False) -> Writer:
    """Begin a body of results."""
    writer = Writer()
    writer.start("{")
    writer.string("results")
    writer.single_line = single_line
    writer.start("[")
    return writer


def finish(writer: Writer) -> str:
    """End a body of results."""
    writer.end("]")
    writer.end("}")
    return writer.text()
