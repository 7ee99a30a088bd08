"""The main job, shown: an upload is served, a newer one takes over, a half one and a broken one change nothing; and
an operator goes back. With two nodes, also that they fetch a version together.

Every sentence it prints was checked: the answers come from real Predict calls of a client that never stops asking.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from events.messages import VersionQuarantined, VersionServed
from events.names import ModelName, Version
from events.status import PulledVersion, Stage
from infra.local import look, operate, sharing, waiting
from infra.local.client import nats_client
from infra.local.event_log import EventLog, Kind, listening
from infra.local.predict import Answer, Answers, asking
from infra.local.screen import Screen
from infra.local.stack import Stack
from infra.local.timeline import Moment, moments, rows
from infra.local.upload import Upload
from infra.local.versions import CORRUPT, FIRST, HALF, LINES, SECOND, write_corrupt, write_half
from infra.local.waiting import DemoFailed

MODEL = ModelName("line")
XS = (-2.0, 0.5, 4.0)
WEIGHTS = "variables/variables.data"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the acts of the demo play with."""

    stack: Stack
    screen: Screen
    log: EventLog
    answers: Answers
    versions: Path
    with_manifest: bool


async def play(stack: Stack, screen: Screen, *, versions: Path, with_manifest: bool) -> None:
    """Run the whole demo, or raise `DemoFailed` at the first thing that is not as it should be."""
    async with (
        nats_client(stack.nats_url) as client,
        listening(client, node=stack.node.name, model=MODEL) as log,
        asking(stack.node.serving_address, MODEL, xs=XS) as answers,
    ):
        scene = Scene(stack, screen, log, answers, versions, with_manifest)
        await first(scene)
        await switch(scene)
        await half(scene)
        await corrupt(scene)
        await rollback(scene)
        if len(stack.nodes) > 1:
            await sharing.share(stack, screen, client, versions=versions)


async def first(scene: Scene) -> None:
    """Upload version 1 and see it answer."""
    scene.screen.act(f"Version {FIRST}: {_learnt(FIRST)}")
    await deliver(scene, FIRST)


async def switch(scene: Scene) -> None:
    """Upload version 2 under the eyes of a client that never stops asking."""
    scene.screen.act(f"Version {SECOND}: {_learnt(SECOND)}, while a client goes on asking")
    start = datetime.now(UTC)
    await deliver(scene, SECOND)
    _tell_switch(scene, FIRST, SECOND, since=start)
    await waiting.until(f"TensorFlow Serving to unload version {FIRST}", lambda: _unloaded(scene, FIRST))
    scene.screen.fact(f"then version {FIRST} was unloaded; it stays on disk for a quick way back")


async def half(scene: Scene) -> None:
    """Leave an upload half done and see that it is not loaded, and why."""
    scene.screen.act(f"Version {HALF}: half an upload, the weights never come")
    start = datetime.now(UTC)
    write_half(scene.versions / str(SECOND), scene.versions / str(HALF))
    await send(scene, HALF, with_manifest=False)
    seen = await waiting.until(f"the puller to report version {HALF} as incomplete", lambda: _incomplete(scene))
    scene.screen.fact(f"the puller says: {seen.state}: {seen.reason}")
    await _show_served(scene)
    _check_still(scene, start)


async def corrupt(scene: Scene) -> None:
    """Upload weights with one flipped bit and see the version before go on answering."""
    scene.screen.act(f"Version {CORRUPT}: whole by every checksum, but its weights are broken")
    start = datetime.now(UTC)
    write_corrupt(scene.versions / str(SECOND), scene.versions / str(CORRUPT))
    uploaded = await send(scene, CORRUPT, with_manifest=scene.with_manifest)
    refused = await _wait_event(scene, VersionQuarantined, CORRUPT)
    await _answered(scene, SECOND, since=datetime.now(UTC))
    scene.screen.timeline(rows(uploaded, moments(scene.log.of(CORRUPT))))
    scene.screen.fact(f"the configurator says: quarantined: {' '.join(refused.reason.split())}")
    await _show_served(scene)
    _check_still(scene, start)


async def rollback(scene: Scene) -> None:
    """Go back to version 1 as an operator does, and show what the cluster looks like then."""
    scene.screen.act(f"An operator goes back to version {FIRST}")
    start = datetime.now(UTC)
    await _operate(scene, f"rollback {MODEL} --yes")
    answer = await _answered(scene, FIRST, since=start)
    await _operate(scene, f"wait {MODEL} {FIRST} --timeout {waiting.STEP_SECONDS:.0f}s")
    took = (answer.at - start).total_seconds() * 1000
    scene.screen.fact(f"Predict {_numbers(XS)} -> {_numbers(answer.values)}, {took:.0f} ms after the command was typed")
    _tell_switch(scene, SECOND, FIRST, since=start)
    await _operate(scene, "status")


async def deliver(scene: Scene, version: Version) -> None:
    """Upload a version, wait until it answers right and is confirmed, and show the way it took."""
    start = datetime.now(UTC)
    uploaded = await send(scene, version, with_manifest=scene.with_manifest)
    answer = await _answered(scene, version, since=start)
    await _wait_event(scene, VersionServed, version)
    seen = Moment(answer.at, "first right answer", f"Predict {_numbers(XS)} -> {_numbers(answer.values)}")
    scene.screen.timeline(rows(uploaded, [*moments(scene.log.of(version)), seen]))


async def send(scene: Scene, version: Version, *, with_manifest: bool) -> datetime:
    """Upload a version and return when the upload ended."""
    upload = Upload(scene.stack.bucket, prefix=scene.stack.options.prefix, model=MODEL, version=version)
    started = time.monotonic()
    count = await asyncio.to_thread(upload.send, scene.versions / str(version), with_manifest=with_manifest)
    ended = datetime.now(UTC)
    took = (time.monotonic() - started) * 1000
    last = ", the manifest last" if with_manifest else ", no manifest"
    scene.screen.fact(f"uploaded {count} files in {took:.0f} ms{last}")
    return ended


async def _operate(scene: Scene, words: str) -> None:
    """Run the operator's command and show what it says."""
    scene.screen.command(f"$ model-manager {words}")
    scene.screen.said(await operate.run(scene.stack, words))


async def _answered(scene: Scene, version: Version, *, since: datetime) -> Answer:
    """Wait for the first answer of a version, and check it."""

    async def first_answer() -> Answer | None:
        return next((one for one in scene.answers.since(since) if one.version == version), None)

    answer = await waiting.until(f"version {version} to answer", first_answer)
    _check_all([answer], {version})
    return answer


async def _incomplete(scene: Scene) -> PulledVersion | None:
    """How the puller sees the half version, once it has seen the whole half and misses the weights alone."""
    seen = await asyncio.to_thread(look.pulled, scene.stack.node.puller_url, MODEL, HALF)
    return seen if seen and seen.state == Stage.INCOMPLETE and seen.reason.startswith(WEIGHTS) else None


async def _unloaded(scene: Scene, version: Version) -> bool:
    return (await _served(scene)).get(version) == "END"


async def _wait_event(scene: Scene, kind: type[Kind], version: Version) -> Kind:
    return await waiting.event(scene.log, kind, version)


async def _show_served(scene: Scene) -> None:
    """Show what TensorFlow Serving has, and check that the half version is not of it."""
    served = await _served(scene)
    if HALF in served or served.get(SECOND) != "AVAILABLE":
        raise DemoFailed(f"version {SECOND} should be AVAILABLE and version {HALF} unknown: {_states(served)}")
    scene.screen.fact(f"TensorFlow Serving says: {_states(served)}; it was never told of version {HALF}")


async def _served(scene: Scene) -> dict[int, str]:
    return await asyncio.to_thread(look.served, scene.stack.node.rest_url, MODEL)


def _tell_switch(scene: Scene, old: Version, new: Version, *, since: datetime) -> None:
    """Check that every call since was answered right, and tell how the new version took over from the old."""
    asked = scene.answers.since(since)
    _check_all(asked, {old, new})
    before, after = ([one for one in asked if one.version == version] for version in (old, new))
    gap = (after[0].at - before[-1].at).total_seconds() * 1000
    scene.screen.fact(
        f"{len(asked)} Predict calls through the switch, none failed or was wrong: {len(before)} answered by version"
        f" {old}, then {len(after)} by version {new}; {gap:.0f} ms between the last old and the first new answer"
    )


def _check_still(scene: Scene, start: datetime) -> None:
    """Check that version 2 alone answered since, and always right."""
    asked = scene.answers.since(start)
    _check_all(asked, {SECOND})
    scene.screen.fact(f"version {SECOND} answered all {len(asked)} Predict calls meanwhile, every one right")


def _check_all(asked: list[Answer], allowed: set[Version]) -> None:
    for answer in asked:
        if answer.error:
            raise DemoFailed(f"a Predict call failed: {answer.error}")
        if answer.version not in allowed:
            raise DemoFailed(f"version {answer.version} answered, not one of {sorted(allowed)}")
        expected = LINES[Version(answer.version)].at(XS)
        if not answer.is_right(expected):
            raise DemoFailed(f"version {answer.version} answered {answer.values}, right is {expected}")


def _learnt(version: Version) -> str:
    line = LINES[version]
    return f"has learnt y = {line.slope:g} x {'+' if line.offset >= 0 else '-'} {abs(line.offset):g}"


def _numbers(values: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{value:.2f}' for value in values)}]"


def _states(served: dict[int, str]) -> str:
    return ", ".join(f"version {version} is {state}" for version, state in sorted(served.items()))
