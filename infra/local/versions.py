"""The versions the demo uploads: two good ones, half of one, and one that is broken where no checksum can tell.

With TensorFlow the good ones are trained (train.py). Without it they are written here, for the scripted loader of the
compatible server: the same shape of files, and the same answers.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

from events.names import Version
from infra.local.child import ROOT, Command

SHARD = Path("variables/variables.data-00000-of-00001")
INDEX = Path("variables/variables.index")
SCRIPT = Path("assets.extra/scripted.json")
# SavedModel has two fields: schema version 1, then the graph.
SCHEMA, GRAPH = b"\x08\x01", b"\x12"


@dataclass(frozen=True, slots=True)
class Line:
    """What a version has learnt: y = slope x + offset."""

    slope: float
    offset: float

    def at(self, xs: tuple[float, ...]) -> tuple[float, ...]:
        """The right answers."""
        return tuple(self.slope * x + self.offset for x in xs)


LINES = {Version(1): Line(2.0, 1.0), Version(2): Line(3.0, -1.0)}
FIRST, SECOND, HALF, CORRUPT = (Version(number) for number in (1, 2, 3, 4))
TRAIN_SECONDS = 300.0


def training(python: Path, folder: Path) -> Command:
    """Train the two versions into `folder`; ready when both are there."""
    versions = [f"{folder / str(version)}={line.slope},{line.offset}" for version, line in LINES.items()]
    done = folder / "done"
    argv = (str(python), str(ROOT / "infra/local/train.py"), "--done", str(done), *versions)
    return Command("training", argv, ready=done.exists, ready_seconds=TRAIN_SECONDS)


def write_scripted(folder: Path) -> None:
    """Write the two versions for the scripted loader into `folder`."""
    for version, line in LINES.items():
        files = {
            Path("saved_model.pb"): saved_model(),
            INDEX: b"index",
            SHARD: b"weights",
            SCRIPT: json.dumps({"predict": {"scale": line.slope, "offset": line.offset}}).encode(),
        }
        for name, data in files.items():
            path = folder / str(version) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def saved_model() -> bytes:
    """A SavedModel of one line that says it has variables to restore."""
    numbers = TensorInfo(dtype=DT_FLOAT, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1)]))
    graph = MetaGraphDef()
    graph.meta_info_def.tags.append("serve")
    graph.saver_def.restore_op_name = "restore"
    graph.signature_def["serving_default"].CopyFrom(
        SignatureDef(inputs={"x": numbers}, outputs={"y": numbers}, method_name="tensorflow/serving/predict")
    )
    data = bytes(graph.SerializeToString())
    return SCHEMA + GRAPH + varint(len(data)) + data


def varint(number: int) -> bytes:
    """A length as protocol buffers write it."""
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def write_half(good: Path, folder: Path) -> None:
    """Copy a version as an upload leaves it that died before the weights."""
    shutil.copytree(good, folder)
    (folder / SHARD).unlink()


def write_corrupt(good: Path, folder: Path) -> None:
    """Copy a version and flip one bit of its weights: whole by every checksum of the bucket, but not a model."""
    shutil.copytree(good, folder)
    data = bytearray((folder / SHARD).read_bytes())
    data[-1] ^= 1
    (folder / SHARD).write_bytes(data)
    if (folder / SCRIPT).exists():  # the scripted loader does not read weights, so it is told what they would say
        refusal = {"code": "DATA_LOSS", "message": "checksum of a tensor in the checkpoint does not match"}
        (folder / SCRIPT).write_text(json.dumps({"fail": refusal}))
