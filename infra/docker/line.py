"""A SavedModel made without TensorFlow: y = slope x + offset, with both numbers as constants of the graph.

Enough for the emulated bucket to be filled with as many versions as one likes, each with an answer of its own that can
be checked. Written by hand as TensorFlow 1 wrote models without variables: graph and signature in `saved_model.pb`.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.framework.attr_value_pb2 import AttrValue
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

from infra.local.versions import GRAPH, SCHEMA, varint

PREDICT = "tensorflow/serving/predict"
GRAPH_VERSION = 1395  # of TensorFlow 2.11; every later one reads it
SMOKE_XS = (-1.0, 0.0, 2.0)
_COLUMN = TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1)])
_FLOAT = AttrValue(type=DT_FLOAT)


@dataclass(frozen=True, slots=True)
class Line:
    """What a version answers."""

    slope: float
    offset: float

    def at(self, x: float) -> float:
        """The right answer."""
        return self.slope * x + self.offset


def write(line: Line, folder: Path, *, with_smoke: bool = False, padding: int = 0) -> None:
    """Write a version into a folder; the padding makes it as large as a test wants it."""
    folder.mkdir(parents=True)
    data = _meta_graph(line).SerializeToString(deterministic=True)
    (folder / "saved_model.pb").write_bytes(SCHEMA + GRAPH + varint(len(data)) + data)
    if with_smoke:
        sample = {
            "signature": "serving_default",
            "instances": {"x": SMOKE_XS},
            "outputs": {"y": [line.at(x) for x in SMOKE_XS]},
            "tolerance": 1e-4,
        }
        _extra(folder, "smoke.json").write_text(json.dumps(sample, indent=2) + "\n")
    if padding:
        # Other bytes for another line: a puller links files that are equal, and fetches them only once.
        _extra(folder, "padding.bin").write_bytes(random.Random(repr(line)).randbytes(padding))  # noqa: S311 - no secret


def _extra(folder: Path, name: str) -> Path:
    (folder / "assets.extra").mkdir(exist_ok=True)
    return folder / "assets.extra" / name


def _meta_graph(line: Line) -> MetaGraphDef:
    meta = MetaGraphDef()
    meta.meta_info_def.tags.append("serve")
    meta.graph_def.CopyFrom(_graph(line))
    signature = SignatureDef(method_name=PREDICT)
    for side, name in ((signature.inputs, "x"), (signature.outputs, "y")):
        side[name].CopyFrom(TensorInfo(name=f"{name}:0", dtype=DT_FLOAT, tensor_shape=_COLUMN))
    meta.signature_def["serving_default"].CopyFrom(signature)
    return meta


def _graph(line: Line) -> GraphDef:
    graph = GraphDef(
        node=[
            NodeDef(name="x", op="Placeholder", attr={"dtype": _FLOAT, "shape": AttrValue(shape=_COLUMN)}),
            _constant("slope", line.slope),
            _constant("offset", line.offset),
            NodeDef(name="slope_x", op="Mul", input=["slope", "x"], attr={"T": _FLOAT}),
            NodeDef(name="y", op="AddV2", input=["slope_x", "offset"], attr={"T": _FLOAT}),
        ]
    )
    graph.versions.producer = GRAPH_VERSION
    return graph


def _constant(name: str, value: float) -> NodeDef:
    tensor = AttrValue(tensor=TensorProto(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value]))
    return NodeDef(name=name, op="Const", attr={"dtype": _FLOAT, "value": tensor})
