"""Files that reach the bucket after the rest of their version: the whole node, from the upload to what is served."""

import json
from functools import partial
from pathlib import Path

from events.names import ModelName, Version
from infra.local import look
from infra.local.stack import Stack
from infra.local.upload import Upload
from infra.local.versions import LINES, write_scripted
from tests.support.stack import eventually

MODEL = ModelName("line")
SAMPLE = "assets.extra/smoke.json"


def upload(stack: Stack, folder: Path, version: int) -> None:
    Upload(stack.bucket, prefix="", model=MODEL, version=Version(version)).send(
        folder / str(version), with_manifest=False
    )


def sample(version: int, *, wrong_by: float = 0.0) -> bytes:
    """What the version must answer."""
    outputs = [value + wrong_by for value in LINES[Version(version)].at((1.0, 2.0))]
    return json.dumps({"instances": {"x": [1.0, 2.0]}, "outputs": {"y": outputs}}).encode()


def serves(stack: Stack, *versions: int) -> bool:
    states = look.served(stack.node.rest_url, MODEL)
    return {version for version, state in states.items() if state == "AVAILABLE"} == set(versions)


async def test_a_sample_that_comes_late_is_asked(stack: Stack, tmp_path: Path) -> None:
    """The right one changes nothing; a wrong one brings the version before back, as with a new version."""
    write_scripted(tmp_path)
    upload(stack, tmp_path, 1)
    await eventually(partial(serves, stack, 1))
    place = stack.node.models / MODEL / "1" / SAMPLE
    mark = stack.node.models / ".model-manager/extended" / MODEL / "1"
    stack.bucket.write(f"{MODEL}/1/{SAMPLE}", sample(1))
    await eventually(lambda: place.exists() and place.read_bytes() == sample(1))
    receipt = stack.node.models / ".model-manager/receipts" / MODEL / "1.json"
    await eventually(lambda: SAMPLE in receipt.read_text() and not mark.exists())
    assert serves(stack, 1)
    upload(stack, tmp_path, 2)
    await eventually(partial(serves, stack, 2))
    stack.bucket.write(f"{MODEL}/2/{SAMPLE}", sample(2, wrong_by=1.0))
    await eventually(partial(serves, stack, 1))
    record = stack.node.models / ".model-manager/quarantine" / MODEL / "2.json"
    assert "answers its sample wrong" in json.loads(record.read_bytes())["reason"]
