"""What TensorFlow Serving's words mean for single versions: failed, to be tried again, to be tested. Pure.

An END with an error may be left over from an earlier attempt: TensorFlow Serving takes up to a poll and a turn of its
manager to begin a new one, and longer while the manager waits for a request. It counts once another state was seen
since the version was asked for, or after a while in which TensorFlow Serving could act.
"""

from dataclasses import dataclass, field

from configurator.activity import had_time
from configurator.serving.applied_config import Asked, Key
from configurator.serving.states import Status
from configurator.view import View
from events.names import Version
from service.isolation import Each, each

STALE_SECONDS = 5.0  # > file system poll (1 s) + turn of the manager (0.1 s), with room for a busy machine
CRASHES = 2
CODES = {
    1: "CANCELLED",
    2: "UNKNOWN",
    3: "INVALID_ARGUMENT",
    4: "DEADLINE_EXCEEDED",
    5: "NOT_FOUND",
    7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED",
    9: "FAILED_PRECONDITION",
    11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED",
    13: "INTERNAL",
    14: "UNAVAILABLE",
    15: "DATA_LOSS",
}


@dataclass(frozen=True, slots=True)
class _Case:
    failure: str = ""
    is_untested: bool = False


@dataclass(frozen=True, slots=True)
class LoadTimeouts:
    """For how many seconds a version may load. A new model's load holds up all reloads, so it may get fewer."""

    update: float
    new: float | None = None

    def of(self, view: View, key: Key) -> float:
        """Tell how many a version gets."""
        is_new = view.applied.pending is not None and key[0] in view.applied.pending.new
        return self.new if is_new and self.new is not None else self.update


@dataclass(frozen=True, slots=True)
class Assessments:
    """What is to be done about single versions before anything is planned."""

    quarantine: dict[Key, str]
    release: tuple[Key, ...] = ()  # an operator wants these tried again
    test: tuple[Key, ...] = ()  # available, and not confirmed with the files they have
    cases: Each[Key, bool | _Case] = field(
        default_factory=lambda: Each({}, {})
    )  # who could be judged, and who could not


def assess(view: View, timeouts: LoadTimeouts, *, retried: dict[Key, str | None]) -> Assessments:
    """Judge every version that was asked for; `retried` holds the retry request each quarantine record has followed."""
    keys = sorted(key for key in view.applied.asked.keys() | view.applied.crashes.keys() if key[0] in view.models)
    cases = each(keys, lambda key: _judge_one(view, key, timeouts.of(view, key)))
    failed = {key: case.failure for key, case in cases.done.items() if case.failure}
    bugs = {key: one.reason for key, one in cases.troubles.items() if key[1] not in view.models[key[0]].good}
    held = {(name, version): why for name, model in view.models.items() for version, why in model.held.items()}
    again = each(sorted(retried), lambda key: _is_wanted_again(view, key, retried[key]))
    return Assessments(
        quarantine={**held, **failed, **bugs},  # what serves well goes on, though it cannot be judged
        release=tuple(key for key, is_wanted in again.done.items() if is_wanted),
        test=tuple(key for key, case in cases.done.items() if case.is_untested),
        cases=Each({**again.done, **cases.done}, {**again.troubles, **cases.troubles}),
    )


def _judge_one(view: View, key: Key, load_seconds: float) -> _Case:
    if not _is_open(view, key):
        return _Case()
    failure = _failure(view, key, load_seconds)
    return _Case(failure, not failure and key in view.applied.asked and _is_untested(view, key))


def _is_open(view: View, key: Key) -> bool:
    name, version = key
    model = view.models.get(name)
    return model is not None and version in model.usable and not model.is_unmanaged


def _failure(view: View, key: Key, load_seconds: float) -> str:
    asked, status = view.applied.asked.get(key), view.status(key)
    if asked and status and status.has_failed and not _is_left_over(view, asked):
        return f"TensorFlow Serving could not load it: {_words(status)}"
    loading_since = asked.loading_since if asked else None
    if loading_since is not None and view.now - loading_since >= load_seconds:
        return f"TensorFlow Serving has been loading it for {load_seconds:g} seconds without end"
    if view.applied.crashes.get(key, 0) >= CRASHES and key[1] not in view.models[key[0]].good:
        return f"TensorFlow Serving went away {CRASHES} times while it was loading this version"
    return ""


def _is_left_over(view: View, asked: Asked) -> bool:
    return asked.is_stale and not had_time(view, asked.since, STALE_SECONDS)


def _is_untested(view: View, key: Key) -> bool:
    model, status = view.models[key[0]], view.status(key)
    is_due = key[1] not in model.good or key[1] in model.extended
    return bool(status and status.is_available) and is_due and not model.policy.removed


def _is_wanted_again(view: View, key: Key, followed: str | None) -> bool:
    name, version = key
    request = view.models[name].policy.retry.get(Version(version)) if name in view.models else None
    return request is not None and request != followed


def _words(status: Status) -> str:
    return f"{CODES.get(status.code, f'code {status.code}')}: {status.message}"
