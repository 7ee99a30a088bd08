"""One version's trouble is one version's trouble.

Whatever a pass does for one version or one model runs through `alone`, or `each` for all of them, which turn every
exception into a `Trouble`, a value. The pass goes on with the others, and the trouble becomes the state of that
version. Cancellation passes. `Troubles` remembers what is wrong with whom, and logs each bug once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, ParamSpec, TypeVar

from events.wording import clean
from service.errors import ModelManagerError
from service.logs import Log

P = ParamSpec("P")
S = TypeVar("S", bound=Hashable)
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


@dataclass(frozen=True, slots=True)
class Each(Generic[S, T]):
    """How a step ended for each version or model."""

    done: dict[S, T]
    troubles: dict[S, Trouble]


def each(subjects: Iterable[S], call: Callable[[S], T]) -> Each[S, T]:
    """Do a step for each version or model, alone."""
    return _sorted_out([(subject, alone(call, subject)) for subject in subjects])


async def each_async(subjects: Iterable[S], call: Callable[[S], Awaitable[T]], *, at_once: int = 1) -> Each[S, T]:
    """Do as `each`, for what is awaited, some at once."""
    turn = asyncio.Semaphore(at_once)

    async def one(subject: S) -> tuple[S, T | Trouble]:
        async with turn:
            return subject, await alone_async(call, subject)

    return _sorted_out(await asyncio.gather(*(one(subject) for subject in subjects)))


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

    def take_all(self, step: str, outcomes: Each[S, T], *, is_whole: bool = True) -> dict[S, T]:
        """Do as `take`, for each of a step's subjects; where those are all, nothing is wrong with any other."""
        for subject in list(self._now) if is_whole else outcomes.done:
            if subject not in outcomes.troubles:
                self.end(step, subject)
        for subject, trouble in outcomes.troubles.items():
            self.take(step, subject, trouble)
        return outcomes.done

    def end(self, step: str, subject: Hashable) -> None:
        """Note that a step has nothing wrong for this one any more."""
        if steps := self._now.get(subject):
            steps.pop(step, None)
            if not steps:
                del self._now[subject]

    def of(self, subject: Hashable) -> str:
        """Say what is wrong with this one; empty where nothing is."""
        return "; ".join(dict.fromkeys(self._now.get(subject, {}).values()))

    def steps(self, subject: Hashable) -> frozenset[str]:
        """Name the steps that failed for this one."""
        return frozenset(self._now.get(subject, ()))

    @property
    def all(self) -> Mapping[Hashable, str]:
        """Say what is wrong with whom."""
        return {subject: self.of(subject) for subject in self._now}

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what is wrong with whom, for people."""
        return tuple(sorted(clean(f"{_named(subject)}: {words}") for subject, words in self.all.items()))


def _sorted_out(outcomes: list[tuple[S, T | Trouble]]) -> Each[S, T]:
    done: dict[S, T] = {}
    troubles: dict[S, Trouble] = {}
    for subject, outcome in outcomes:
        if isinstance(outcome, Trouble):
            troubles[subject] = outcome
        else:
            done[subject] = outcome
    return Each(done, troubles)


def _named(subject: Hashable) -> str:
    return " version ".join(map(str, subject)) if isinstance(subject, tuple) else str(subject)
