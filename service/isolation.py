"""One version's trouble is one version's trouble.

Whatever a pass does for one version or one model runs through `alone`, which turns every exception into a `Trouble`, a
value. The pass goes on with the others, and the trouble becomes the state of that version. Cancellation passes.
`Troubles` remembers what is wrong with whom, and logs each bug once.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from events.wording import clean
from service.errors import ModelManagerError
from service.logs import Log

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong while something was done for one version or model."""

    error: Exception

    @property
    def is_bug(self) -> bool:
        """Whether nobody thought of it: outside our tree of errors, the fault is in our own code."""
        return not isinstance(self.error, ModelManagerError)

    @property
    def reason(self) -> str:
        """What went wrong, in words."""
        words = f"{type(self.error).__name__}: {self.error}" if str(self.error) else type(self.error).__name__
        return clean(f"a bug: {words}" if self.is_bug else str(self.error))


def alone(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Trouble:
    """Do something for one version or model; what goes wrong is returned."""
    try:
        return call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns one version or model
        return Trouble(error)


async def alone_async(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T | Trouble:
    """Do as `alone`, for what is awaited."""
    try:
        return await call(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns one version or model
        return Trouble(error)


@dataclass(slots=True)
class Troubles:
    """What is wrong with each version or model now, by the step that failed; a bug is logged when it is new."""

    log: Log
    _now: dict[Hashable, dict[str, str]] = field(default_factory=dict)

    def take(self, step: str, subject: Hashable, outcome: T | Trouble) -> T | None:
        """Note how a step ended; return its result, or None where there is trouble."""
        if not isinstance(outcome, Trouble):
            self.end(step, subject)
            return outcome
        steps = self._now.setdefault(subject, {})
        if outcome.is_bug and steps.get(step) != outcome.reason:
            self.log.bug("a bug; the others go on", error=outcome.error, step=step, subject=_named(subject))
        steps[step] = outcome.reason
        return None

    def end(self, step: str, subject: Hashable) -> None:
        """Note that a step has nothing wrong for this one any more."""
        if steps := self._now.get(subject):
            steps.pop(step, None)
            if not steps:
                del self._now[subject]

    def keep(self, subjects: Iterable[Hashable]) -> None:
        """Forget all others: they are gone."""
        kept = self._now.keys() & frozenset(subjects)
        self._now = {subject: self._now[subject] for subject in self._now if subject in kept}

    def of(self, subject: Hashable) -> str:
        """Say what is wrong with this one; empty where nothing is."""
        return "; ".join(dict.fromkeys(self._now.get(subject, {}).values()))

    @property
    def all(self) -> Mapping[Hashable, str]:
        """Say what is wrong with whom."""
        return {subject: self.of(subject) for subject in self._now}


def _named(subject: Hashable) -> str:
    return " version ".join(map(str, subject)) if isinstance(subject, tuple) else str(subject)
