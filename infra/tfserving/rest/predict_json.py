"""The JSON of Predict: a body into a request, an answer into a body.

A body has `instances` (rows: one element per item of the batch) or `inputs` (columns: one tensor per input), and its
answer has `predictions` or `outputs` in the same form. A lone input or output goes without its name.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum

from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from infra.tfserving.rest.json_tensor import Dense, is_base64, read_dense, write_tensor
from infra.tfserving.rest.json_text import Json, Writer, debug, refused, valid_text
from infra.tfserving.servable import RequestFailure

Inputs = Mapping[str, TensorInfo]


class Form(Enum):
    """How a body lays out its tensors; the value is the key of the answer."""

    ROWS = "predictions"
    COLUMNS = "outputs"


def signature_name(body: Mapping[str, Json]) -> str:
    """Return the signature a body names, or nothing."""
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        shown = debug(dict(body))
        raise refused(f"JSON Value: {shown} not formatted correctly. 'signature_name' key must be a string value.")
    return valid_text(name)


def predict_request(body: Mapping[str, Json], inputs_of: Callable[[str], Inputs]) -> tuple[PredictRequest, Form]:
    """Read a request; `inputs_of` tells the inputs of a signature."""
    request = PredictRequest()
    request.model_spec.signature_name = signature_name(body)
    inputs = inputs_of(request.model_spec.signature_name)
    if not inputs:
        name = request.model_spec.signature_name or "DEFAULT"
        raise refused(f"Failed to get input map for signature: {name}")
    if "instances" in body and "inputs" in body:
        raise malformed(body, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")
    if "instances" in body:
        form, tensors = Form.ROWS, read_rows(body, inputs)
    elif "inputs" in body:
        form, tensors = Form.COLUMNS, read_columns(body["inputs"], inputs)
    else:
        raise refused("Missing 'inputs' or 'instances' key")
    for name, dense in tensors.items():
        request.inputs[name].CopyFrom(dense.tensor(inputs[name].dtype))
    return request, form


def read_rows(body: Mapping[str, Json], inputs: Inputs) -> dict[str, Dense]:
    """Read `instances`: every element gives each input one value of the same shape."""
    rows = body["instances"]
    if not isinstance(rows, list):
        raise malformed(body, "Expecting 'instances' to be an list/array")
    if not rows:
        raise malformed(body, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(inputs) > 1:
        raise refused(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    columns: dict[str, Dense] = {}
    for number, row in enumerate(rows):
        if is_named(rows[0]):
            read_named_row(row, number, inputs=inputs, columns=columns)
        else:
            read_plain_row(row, number, inputs=inputs, columns=columns)
    return {name: Dense((len(rows), *column.shape), column.values) for name, column in columns.items()}


def is_named(row: Json) -> bool:
    """Tell an object of named inputs from a value; a binary string is a value."""
    return isinstance(row, dict) and not is_base64(row)


def read_named_row(row: Json, number: int, *, inputs: Inputs, columns: dict[str, Dense]) -> None:
    """Add a row that names its inputs."""
    if not isinstance(row, dict) or is_base64(row):
        raise refused(f"Expecting object but got list at item {number} of input list")
    for name, value in row.items():
        try:
            append(columns, name, value=value, inputs=inputs)
        except RequestFailure as failure:
            raise refused(
                f"Failed to process element: {number} key: {name} of 'instances' list. Error: {failure}"
            ) from failure
    if set(row) != set(inputs):
        raise refused(
            f"Failed to process element: {number} of 'instances' list. JSON object: {debug(row)} keys must be equal "
            "to: " + ",".join(sorted(inputs))
        )


def read_plain_row(row: Json, number: int, *, inputs: Inputs, columns: dict[str, Dense]) -> None:
    """Add a row that is the value of the only input."""
    if is_named(row):
        raise refused(f"Expecting value/list but got object at item {number} of input list")
    try:
        append(columns, min(inputs), value=row, inputs=inputs)
    except RequestFailure as failure:
        raise refused(f"Failed to process element: {number} of 'instances' list. Error: {failure}") from failure


def append(columns: dict[str, Dense], name: str, *, value: Json, inputs: Inputs) -> None:
    """Add one row's value to a column, where it has the shape of the rows before."""
    if name not in inputs:
        raise refused(f"JSON object: does not have named input: {name}")
    dense = read_dense(value, inputs[name].dtype)
    column = columns.setdefault(name, Dense(dense.shape, []))
    size = math.prod(column.shape)
    if size != len(dense.values):
        raise refused(f"Expecting tensor size: {size} but got: {len(dense.values)}")
    if column.shape != dense.shape:
        raise refused(f"Expecting shape {shape_text(column.shape)} but got: {shape_text(dense.shape)}")
    column.values.extend(dense.values)


def read_columns(value: Json, inputs: Inputs) -> dict[str, Dense]:
    """Read `inputs`: a tensor per named input, or the tensor of the only one."""
    if isinstance(value, dict) and not is_base64(value):
        for name in inputs:
            if name not in value:
                raise refused(f"Missing named input: {name} in 'inputs' object.")
        return {name: read_dense(value[name], info.dtype) for name, info in inputs.items()}
    if len(inputs) > 1:
        raise refused(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map"
        )
    return {name: read_dense(value, info.dtype) for name, info in inputs.items()}


def predict_body(tensors: Mapping[str, TensorProto], form: Form) -> str:
    """Print an answer's tensors in the form of the request."""
    if not tensors:
        raise refused("Cannot convert empty tensor map to JSON")
    writer = Writer()
    writer.start("{")
    writer.string(form.value)
    if form is Form.ROWS:
        write_rows(writer, tensors)
    else:
        write_named(writer, tensors)
    writer.end("}")
    return writer.text()


def write_rows(writer: Writer, tensors: Mapping[str, TensorProto]) -> None:
    """Print one element per item of the batch, which all outputs must have in common."""
    sizes = {}
    for name, tensor in sorted(tensors.items()):
        if not tensor.tensor_shape.dim:
            raise refused(f"Tensor name: {name} has no shape information ")
        sizes[name] = tensor.tensor_shape.dim[0].size
        expected = next(iter(sizes.values()))
        if sizes[name] != expected:
            raise refused(f"Tensor name: {name} has inconsistent batch size: {sizes[name]} expecting: {expected}")
    writer.start("[")
    for index in range(next(iter(sizes.values()))):
        write_named(writer, tensors, index=index)
    writer.end("]")


def write_named(writer: Writer, tensors: Mapping[str, TensorProto], *, index: int | None = None) -> None:
    """Print the tensors, or their parts at one index, by name; a lone one without. Lists of a row stay on a line."""
    if len(tensors) > 1:
        writer.start("{")
    writer.single_line = index is not None
    for name, tensor in sorted(tensors.items()):
        if len(tensors) > 1:
            writer.string(name)
        write_tensor(writer, name, tensor, index=index)
    writer.single_line = False
    if len(tensors) > 1:
        writer.end("}")


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as error messages have it."""
    return "[" + ",".join(map(str, shape)) + "]"


def malformed(body: Mapping[str, Json], why: str) -> RequestFailure:
    """Return the failure of a body that is laid out wrongly."""
    return refused(f"JSON Value: {debug(dict(body))} {why}")
