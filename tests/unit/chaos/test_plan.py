"""The plan of a chaos run: the same for the same seed, and full of what it promises."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from events.names import FileName, ModelName, Version
from service.signatures import assess
from service.signatures.assess import Untrusted
from service.signatures.policy import Policy, load
from service.signatures.statement import SIGNATURE_NAME
from tests.chaos import content, plan
from tests.chaos.content import Kind
from tests.chaos.plan import Delete, Disturb, Fault, Operate, Order, Upload
from tests.chaos.signing import Signing, Tampering, tampering

NODES = ("node-1", "node-2")
CI_SECONDS = 180.0


def test_a_seed_makes_one_plan() -> None:
    """A run that failed can be made again; another seed is another run."""
    first, again, other = (plan.make(seed, CI_SECONDS, nodes=NODES) for seed in (1, 1, 2))
    assert [plan.render(step) for step in first] == [plan.render(step) for step in again]
    assert first != other


def test_the_run_of_three_minutes_has_every_fault_and_operation() -> None:
    """What CI runs leaves nothing out."""
    steps = plan.make(1, CI_SECONDS, nodes=NODES)
    assert {step.fault for step in steps if isinstance(step, Disturb)} == set(Fault)
    assert {step.order for step in steps if isinstance(step, Operate)} == set(Order)
    assert {step.kind for step in steps if isinstance(step, Upload)} == set(Kind)
    assert any(isinstance(step, Delete) for step in steps)


def test_every_fault_ends_before_the_run_does() -> None:
    """Recovery is measured from the end of the last fault."""
    for seed in range(20):
        for step in plan.make(seed, CI_SECONDS, nodes=NODES):
            assert step.at <= CI_SECONDS
            if isinstance(step, Disturb):
                assert step.at + step.seconds <= CI_SECONDS + 0.01


def test_no_two_uploads_have_the_same_content() -> None:
    """An answer tells which upload it is of."""
    uploads = [step for step in plan.make(3, CI_SECONDS, nodes=NODES) if isinstance(step, Upload)]
    contents = [upload.content for upload in (*plan.first_uploads(), *uploads)]
    assert len(set(contents)) == len(contents)


def test_an_overwrite_brings_a_manifest() -> None:
    """Without one, old and new files together would be a whole version by structure."""
    seen: set[tuple[str, int]] = set()
    for step in plan.make(4, CI_SECONDS, nodes=NODES):
        if isinstance(step, Upload):
            is_over = (step.model, step.version) in seen
            assert step.has_manifest or not is_over or step.kind is Kind.HALF
            seen.add((step.model, step.version))


def test_the_graph_is_uploaded_last() -> None:
    """So a version without manifest is not whole by its structure before all of it is there."""
    for kind in Kind:
        assert list(content.files(1, kind, size=10))[-1] == content.GRAPH


def test_every_way_to_tamper_with_a_signed_version_is_refused(tmp_path: Path) -> None:
    """By the policy that the nodes of a run have; what was left as it was signed is believed."""
    signing = Signing.prepare(tmp_path)
    policy = load(tmp_path)
    ways = set()
    first = Upload(0.0, plan.SIGNED, 7, 3, Kind.TAMPERED, 10, has_manifest=True, pause_seconds=0.0)
    for step in (replace(first, content=3 * number) for number in range(1, len(Tampering) + 1)):
        ways.add(tampering(step))
        with pytest.raises(Untrusted):
            believed(signing.files(step), policy)
        assert believed(signing.files(replace(step, kind=Kind.GOOD)), policy) == "release"
    assert ways == set(Tampering)
    assert signing.files(replace(first, model="alpha")).keys() == content.files(1, Kind.GOOD, size=10).keys()


def believed(found: Mapping[str, bytes], policy: Policy) -> str:
    """Check a version as a puller does."""
    names = {FileName(name): data for name, data in found.items()}
    trusted = assess.assess(names.get(SIGNATURE_NAME), ModelName(plan.SIGNED), Version(7), policy)
    assess.files(trusted, names.keys())
    contents = {name: hashlib.sha256(data).hexdigest() for name, data in names.items() if name != SIGNATURE_NAME}
    assess.contents(trusted, contents)
    return trusted.signer.name


def test_a_digest_tells_every_difference() -> None:
    """Names, bytes and missing files."""
    whole = content.files(1, Kind.GOOD, size=10)
    others = [
        {**whole, content.SHARD: whole[content.SHARD][:-1] + b"x"},
        {name: data for name, data in whole.items() if name != content.SMOKE},
        {**whole, "more": b""},
        content.files(1, Kind.HALF, size=10),
    ]
    assert len({content.digest(found) for found in (whole, *others)}) == 5
