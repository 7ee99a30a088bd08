"""A chaos run in which the rules about nodes are broken on purpose: the checker, which knows nothing of it, finds all.

What breaks them stands for components that are broken: a puller that writes into what it published, or swaps it while
it serves; a TensorFlow Serving that falls; a configurator that does nothing, and leaves its trash.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.faults import points
from infra.local.faults.rehearsal import Rehearsal, RehearsalOptions, Stage
from service.layout import OWN
from tests.chaos import content
from tests.chaos.content import Kind
from tests.chaos.observations import Phase
from tests.chaos.plan import SIGNED, Upload, first_uploads
from tests.chaos.rules import Violation, judge
from tests.chaos.run import SETTINGS, Run
from tests.chaos.signing import Signing, Tampering, tampering
from tests.chaos.watch import REREAD_SECONDS
from tests.support.stack import eventually

BOUND_SECONDS = 3.0
OVERWRITE = Upload(0.0, "beta", 1, 1000, Kind.GOOD, 1000, has_manifest=True, pause_seconds=0.0)
# It has no signature, so it is the same bytes each time that it is made.
TAMPERED = Upload(0.0, SIGNED, 1, 1002, Kind.TAMPERED, 1000, has_manifest=True, pause_seconds=0.0)
NEWER = Upload(0.0, "gamma", 2, 1001, Kind.GOOD, 1000, has_manifest=True, pause_seconds=0.0)


def found(violations: Sequence[Violation], rule: int, words: str) -> bool:
    """Tell whether a rule was found broken, for this reason."""
    return any(violation.rule == rule and words in violation.words for violation in violations)


@pytest.mark.timeout(400)
def test_each_rule_that_is_broken_is_found_broken(tmp_path: Path) -> None:
    """In one run, seen from outside."""
    signing = Signing.prepare(tmp_path / "signatures")
    with Rehearsal(RehearsalOptions(settings={**SETTINGS, **signing.settings})) as rehearsal:
        run = Run(rehearsal, lambda _at, _words: None, signing=signing, bound_seconds=BOUND_SECONDS)
        asyncio.run(sabotaged(run))
        rehearsal.nodes[1].node.configurator.resume()
        for stage in rehearsal.nodes:
            assert stage.steps("puller") <= points.PULLER
            assert stage.steps("configurator") <= points.CONFIGURATOR
    violations = judge(run.seen, bound_seconds=BOUND_SECONDS)
    assert found(violations, 1, "alpha version 1 on node-1 is available and its files are not what was uploaded")
    assert found(violations, 2, "delta on node-2 stopped answering")
    assert found(violations, 3, "alpha version 1 on node-1 changed its files")
    assert found(violations, 3, "beta version 1 on node-1 changed its files")
    assert not found(violations, 1, "beta")  # each of the two contents was uploaded
    assert found(violations, 7, "delta version 1 on node-1 is available and was changed after it was signed")
    assert found(violations, 4, "gamma serves 1, wanted is 2")
    assert found(violations, 5, "disk of node-2: trash grew from 0 to 1")
    assert found(violations, 5, "serving-node-2: ended by itself with signal SIGKILL")
    assert not found(violations, 4, "node-1")


async def sabotaged(run: Run) -> None:
    """Go through a run without any step, and break things in its middle."""
    over = asyncio.Event()

    async def break_all() -> None:
        try:
            await eventually(lambda: run.phase is Phase.CHAOS, seconds=200)
            await break_rules(run)
        finally:
            over.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(break_all())
        group.create_task(run.go([], until=over.wait()))


async def break_rules(run: Run) -> None:
    """Do what no component may ever do."""
    first, second = run.rehearsal.nodes
    await asyncio.to_thread(second.node.configurator.pause)
    litter(second)
    flip(first)
    await run.hands.upload(OVERWRITE)
    await run.hands.upload(TAMPERED)
    for overwrite in (OVERWRITE, TAMPERED):
        await asyncio.to_thread(swap, first, overwrite, run.hands.signing.files(overwrite))
    await asyncio.to_thread(second.node.serving.kill)
    await eventually(lambda: second.node.serving.exit_code is None)
    await asyncio.to_thread(second.node.serving.wait_ready)
    await run.hands.upload(NEWER)
    await eventually(lambda: has_served(run, "node-1", NEWER.content), seconds=60)
    await asyncio.sleep(2 * REREAD_SECONDS)  # what serves is read again


def has_served(run: Run, node: str, number: int) -> bool:
    return any((answer.node, answer.content) == (node, number) for answer in run.seen.answers)


def flip(stage: Stage) -> None:
    """Change a byte of what serves, in place."""
    path = stage.node.models / "alpha" / "1" / content.SHARD
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def swap(stage: Stage, step: Upload, files: Mapping[str, bytes]) -> None:
    """Put an overwrite in the place of what serves, by renames."""
    published, other = stage.node.models / step.model / str(step.version), stage.folder / "other"
    for name, data in files.items():
        path = other / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    published.rename(stage.folder / "old")
    other.rename(published)
    shutil.rmtree(stage.folder / "old")


def litter(stage: Stage) -> None:
    """Leave something in the trash."""
    (stage.node.models / OWN / "trash" / "alpha.0.x").mkdir(parents=True)


def test_the_sabotage_changes_what_was_first_uploaded() -> None:
    """What is overwritten is another content of the same number."""
    before = next(upload for upload in first_uploads() if upload.model == OVERWRITE.model)
    assert replace(OVERWRITE, content=before.content) == before
    assert tampering(TAMPERED) is Tampering.UNSIGNED
