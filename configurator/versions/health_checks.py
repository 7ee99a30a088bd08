"""Carries out assessments: asks versions their samples, writes and lifts quarantine records."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from configurator.event_emitter import EventEmitter
from configurator.serving import sample_request
from configurator.serving.applied_config import Key
from configurator.versions.assessment import CRASHES, Assessments
from configurator.versions.disk import Disk, Folder
from configurator.view import View
from events.names import ModelName
from service.errors import Invalid
from service.isolation import Troubles, each_async
from service.layout import Quarantine
from service.sample import load


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of the assessments."""

    passed: frozenset[Key] = frozenset()
    changed: frozenset[Key] = frozenset()  # their quarantine is other than before


@dataclass(frozen=True, slots=True)
class Tested:
    """How a version did; neither passed nor a problem: it could not be asked."""

    passed: bool = False
    has_sample: bool = False
    problem: str = ""


TESTS_AT_ONCE = 16  # a sample is read in a megabyte at most, and TensorFlow Serving answers it in its own threads


class HealthChecks:
    """Tests versions and keeps the quarantine records."""

    def __init__(
        self,
        disk: Disk,
        predicts: sample_request.Predicts,
        *,
        emitter: EventEmitter,
        smoke_seconds: float,
        troubles: Troubles,
    ) -> None:
        self._disk = disk
        self._predicts = predicts
        self._emitter = emitter
        self._smoke_seconds = smoke_seconds
        self._troubles = troubles

    async def carry_out(self, assessments: Assessments, view: View) -> Findings:
        """Test, quarantine and release, each version alone."""
        troubles = self._troubles
        troubles.take_all("judge", assessments.cases)
        tests = await each_async(assessments.test, self._test, at_once=TESTS_AT_ONCE)
        tested = troubles.take_all("test", tests)
        passed = frozenset(key for key, one in tested.items() if one.passed)
        self._emitter.passed(sorted(passed), with_sample={key for key, one in tested.items() if one.has_sample})
        bugs = {key: trouble.reason for key, trouble in tests.troubles.items() if trouble.is_bug}
        failed = {**assessments.quarantine, **bugs, **{key: one.problem for key, one in tested.items() if one.problem}}
        written = await each_async(failed, lambda key: self._quarantine(key, failed[key], view))
        released = await each_async(assessments.release, lambda key: asyncio.to_thread(self._disk.release, key))
        extended = [key for key in {*passed, *written.done} if key[1] in view.models[key[0]].extended]
        marks = await each_async(extended, lambda key: asyncio.to_thread(self._disk.tested, key))
        troubles.take_all("mark", marks)
        changed = {*troubles.take_all("quarantine", written), *troubles.take_all("release", released)}
        return Findings(passed, frozenset(changed))

    async def _test(self, key: Key) -> Tested:
        try:
            sample = await asyncio.to_thread(load, self._disk.path(key))
            if sample is not None:
                await sample_request.check(sample, key, self._predicts, seconds=self._smoke_seconds)
        except Invalid as error:
            return Tested(problem=str(error))
        except sample_request.Unclear:
            return Tested()
        return Tested(passed=True, has_sample=sample is not None)

    async def _quarantine(self, key: Key, reason: str, view: View) -> None:
        name, version = key
        record = Quarantine(
            model=name,
            version=version,
            since=datetime.now(UTC),
            reason=reason,
            fingerprint=await asyncio.to_thread(self._disk.fingerprint, key),
            retry=view.models[name].policy.retry.get(version),
            took_down=view.applied.crashes.get(key, 0) >= CRASHES,
        )
        await asyncio.to_thread(self._disk.quarantine, record)
        self._emitter.quarantined(key, reason)


def retries(folders: Mapping[ModelName, Folder]) -> dict[Key, str | None]:
    """Tell which request to try again each quarantine record has followed already."""
    return {
        (name, version): record.retry
        for name, folder in folders.items()
        for version, record in folder.quarantined.items()
    }
