"""Failed tries to fetch a version: why, and when the next one is due.

A setback belongs to the files that were tried: other files get a fresh start.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from events.names import ModelName, Version
from events.status import Stage
from puller.backoff import backoff
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Key, Seen
from service.errors import Invalid, NoSpaceLeft
from service.signatures.assess import Untrusted

FINAL = frozenset({Stage.INVALID, Stage.UNTRUSTED})  # more tries with the same bytes do not help


@dataclass(frozen=True, slots=True)
class Failure:
    """The last try to fetch a version; the next may be never (`math.inf`) while the bytes are the same."""

    reason: str
    retry_in_seconds: float
    stage: Stage = Stage.FAILED
    tries: int = 1  # with the same bytes


@dataclass(frozen=True, slots=True)
class _Failures:
    files: tuple[RemoteFile, ...]
    tries: int
    retry_at: float
    reason: str
    stage: Stage


class Failures:
    """Keeps the last failure of each version."""

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self._kept: dict[Key, _Failures] = {}

    def add(self, key: Key, files: tuple[RemoteFile, ...], *, reason: str, stage: Stage, now: float) -> None:
        """Keep a failure; one that more tries do not help stands while the files are the same."""
        before = self._kept.get(key)
        tries = before.tries + 1 if before and before.files == files else 1
        wait_seconds = math.inf if stage in FINAL else backoff(tries)
        self._kept[key] = _Failures(files, tries, now + wait_seconds, reason, stage)

    def forget(self, key: Key) -> None:
        """Forget a version's failure: it succeeded."""
        self._kept.pop(key, None)

    def forgive(self, stage: Stage) -> set[ModelName]:
        """Have everything that failed in one way tried again at once; the models concerned."""
        found = {key: setback for key, setback in self._kept.items() if setback.stage is stage}
        self._kept |= {key: replace(setback, retry_at=-math.inf) for key, setback in found.items()}
        return {model for model, _ in found}

    def of(self, model: ModelName, seen: Mapping[Version, Seen], *, now: float) -> dict[Version, Failure]:
        """A model's failures, as far as they concern what is in the bucket now; the others are forgotten."""
        failures = {}
        for (name, version), setback in list(self._kept.items()):
            if name != model or version not in seen:
                continue
            if seen[version].files != setback.files:
                del self._kept[name, version]
            else:
                failures[version] = Failure(
                    setback.reason, max(0.0, setback.retry_at - now), setback.stage, setback.tries
                )
        return failures


def stage_of(error: Exception) -> Stage:
    """Tell what an error makes of a version."""
    match error:
        case NoSpaceLeft():
            return Stage.NO_SPACE
        case Untrusted():
            return Stage.UNTRUSTED
        case Invalid():
            return Stage.INVALID
        case _:
            return Stage.FAILED
