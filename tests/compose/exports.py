"""Real exports with weights in variables, and one that is broken where no checksum of the bucket can tell."""

import shutil
from pathlib import Path

from infra.docker.line import Line

HALF_PLUS_TWO = Path(__file__).resolve().parents[1] / "models/half_plus_two"
DATA = "variables/variables.data-00000-of-00001"
LINES = {1: Line(0.5, 2.0), 2: Line(0.5, 3.0)}  # what its two versions answer


def corrupt(folder: Path) -> Path:
    """Copy version 2 into a folder and turn one bit of its weights: TensorFlow's own checksum does not match."""
    copy = Path(shutil.copytree(HALF_PLUS_TWO / "2", folder / "corrupt"))
    data = bytearray((copy / DATA).read_bytes())
    data[-1] ^= 1
    (copy / DATA).write_bytes(data)
    return copy
