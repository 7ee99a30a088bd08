"""The sample that a version brings, `assets.extra/smoke.json`, as it is read where a version is published and served.

{"signature": "serving_default", "instances": {"x": [1.0, 2.0]}, "outputs": {"y": [2.5, 3.0]}, "tolerance": 1e-6}
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.bounds import AtMost, Bounds
from service.errors import Invalid

FILE = Path("assets.extra", "smoke.json")
MAX_BYTES = 1024 * 1024
BOUNDS = Bounds(MAX_BYTES, max_values=100_000)  # a check needs some; each of them costs a comparison and memory
MAX_NAMES = 1000  # of inputs and of outputs


class Sample(BaseModel):
    """What to ask and what to expect."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    signature: Annotated[str, Field(min_length=1)] = "serving_default"
    # The values are as JSON has them: nested lists, weighed as a whole before they are read.
    instances: Annotated[dict[str, object], AtMost(MAX_NAMES)]
    outputs: Annotated[dict[str, object], AtMost(MAX_NAMES), Field(min_length=1)]
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-6


def load(version: Path) -> Sample | None:
    """Read a version's sample; None where it brings none. Raises `Invalid`."""
    try:
        with (version / FILE).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Invalid(f"{FILE} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise Invalid(f"{FILE} has more than {MAX_BYTES} bytes")
    return parse(data)


def parse(data: bytes) -> Sample:
    """Read a sample's text; `Invalid` says what is wrong with it."""
    if wrong := BOUNDS.problem(data):
        raise Invalid(f"{FILE} is no sample: it is {wrong}")
    try:
        return Sample.model_validate_json(data)
    except ValidationError as error:
        raise Invalid(f"{FILE} is no sample: {wording.problems(error)}") from error
