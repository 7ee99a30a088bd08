"""A model on a node: what puller and configurator say of it becomes one state with a reason and an age. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from events import trouble, wording
from events.bounds import MAX_VERSIONS, AtMost
from events.desired import Latest, Pinned, Policy
from events.names import Version
from events.status import NOT_IN_BUCKET, SERVING_AWAY, PulledVersion, ServedModel, ServedStage, ServedVersion, Stage
from master.fleet.places import Halves, Origin, Place, origins, places
from master.fleet.views import CellState

UNREADABLE = "the node's report cannot be read; update the master"
NEVER = datetime.fromtimestamp(0, UTC)

T = TypeVar("T")
_PULLED: TypeAdapter[tuple[PulledVersion, ...]] = TypeAdapter(
    Annotated[tuple[PulledVersion, ...], AtMost(MAX_VERSIONS)]
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it is, why, and since when."""

    state: CellState
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """That a node serves an older version than others of the same policy (`master/fleet/compare.py`)."""

    version: Version
    reason: str
    since: datetime
    is_dead: bool = False  # its puller is not heard, so what that said to be under way is not


@dataclass(slots=True)
class Cell:
    """A model on a node, small: there are hundreds of thousands. The halves are kept as the JSON they came in."""

    pulled: bytes = b""
    served: bytes = b""
    state: CellState = CellState.ABSENT
    reason: str = ""
    since: datetime = NEVER
    desired: tuple[Version, ...] = ()
    serving: tuple[Version, ...] = ()
    labels: tuple[tuple[str, Version], ...] = ()
    difference: str = ""
    revision: int | None = None
    places: tuple[tuple[Version, Place], ...] = ()
    mutated: tuple[Version, ...] = ()  # those on disk of which the bucket holds other bytes now
    origins: tuple[Origin, ...] = ()  # of those of which the node knows who signed them
    lag: Lag | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether the node itself has nothing left to do."""
        return self.state is CellState.SERVING or (self.lag is not None and self.reason == self.lag.reason)

    @property
    def halves(self) -> Halves:
        """What the services said; nothing where this master cannot read it."""
        try:
            return self._read()
        except ValidationError:
            return Halves()

    def settle(self, policy: Policy) -> None:
        """Work out anew what holds."""
        try:
            halves = self._read()
            verdict = assess(halves, policy)
        except ValidationError as error:
            halves = Halves()
            verdict = Verdict(CellState.FAILED, f"{UNREADABLE}: {wording.problems(error)}", NEVER)
        self.state, self.reason, self.since = verdict.state, _shared(verdict.reason), verdict.since
        self.mutated = _shared(tuple(one.version for one in halves.pulled if one.state is Stage.MUTATED))
        self.places = _shared(tuple(dict.fromkeys(places(halves))))
        self.origins = _shared(origins(halves))
        if halves.served:
            self.desired, self.serving = _shared(halves.served.desired), _shared(halves.served.serving)
            self.labels = _shared(tuple(sorted(halves.served.labels.items())))
            self.difference, self.revision = _shared(halves.served.difference), _shared(halves.served.revision)
        else:
            self.desired, self.serving, self.labels, self.difference, self.revision = (), (), (), "", None
        if self.lag and follows(policy) and self._is_outdone_by(self.lag):
            self.state, self.reason, self.since = CellState.BEHIND, self.lag.reason, self.lag.since

    def _is_outdone_by(self, lag: Lag) -> bool:
        is_at_rest = self.state is CellState.SERVING or (self.state is CellState.UPDATING and lag.is_dead)
        return is_at_rest and max(self.serving, default=-1) < lag.version

    def _read(self) -> Halves:
        pulled = _PULLED.validate_json(self.pulled) if self.pulled else ()
        return Halves(pulled, ServedModel.model_validate_json(self.served) if self.served else None)


def follows(policy: Policy) -> Latest | None:
    """Tell whether new versions are to be served as they come, and how many; None where not."""
    return policy.want if isinstance(policy.want, Latest) and not policy.paused and not policy.removed else None


def _shared(value: T) -> T:
    """Return one object for equal ones: most nodes serve the same."""
    return cast("T", _first_equal(value))


@lru_cache(maxsize=4096)
def _first_equal(value: object) -> object:
    return value


def assess(halves: Halves, policy: Policy) -> Verdict:
    """Find the worst that holds."""
    served = halves.served or ServedModel(desired=(), serving=())
    if policy.removed and not served.serving:
        return Verdict(CellState.ABSENT, "removed by an operator", _oldest(served.versions))
    found = (
        _unheard(served)
        or _failing(halves.pulled, served)
        or _quarantined(halves, served, policy=policy)
        or _moving(halves.pulled, served)
        or _differing(halves.pulled, served)
    )
    return found or _at_rest(halves.pulled, served)


def _unheard(served: ServedModel) -> Verdict | None:
    """While TensorFlow Serving does not answer, an old record says nothing of what is served now."""
    if served.difference != SERVING_AWAY:
        return None
    return Verdict(CellState.BEHIND, served.difference, served.differs_since or _oldest(served.versions))


def _failing(pulled: Iterable[PulledVersion], served: ServedModel) -> Verdict | None:
    failing = [one for one in pulled if one.state in trouble.FAILING]
    if not failing:
        return None
    worst = max(failing, key=lambda one: one.version)
    if served.serving:
        words = f"{_goes_on(served)}; {worst.version} {worst.state}: {worst.reason}"
        return Verdict(CellState.HELD_BACK, words, worst.since)
    return Verdict(CellState.FAILED, f"version {worst.version}: {worst.state}: {worst.reason}", worst.since)


def _goes_on(served: ServedModel) -> str:
    """Say first that clients are served."""
    return f"serves {', '.join(map(str, served.serving))}"


def _quarantined(halves: Halves, served: ServedModel, *, policy: Policy) -> Verdict | None:
    """Find a quarantined version that would be served if it were not."""
    lines: list[PulledVersion | ServedVersion] = [
        *(line for line in served.versions if line.state is ServedStage.QUARANTINED),
        *(one for one in halves.pulled if one.state is Stage.QUARANTINED),
    ]
    newest = max(served.serving, default=-1)
    match policy.want:
        case Pinned(versions=versions):
            missed = [line for line in lines if line.version in versions]
        case Latest():
            missed = [line for line in lines if line.version > newest and not policy.paused]
    missed = [line for line in missed if line.version not in policy.refused]
    if not missed:
        return None
    worst = max(missed, key=lambda line: line.version)
    if served.serving:
        return Verdict(CellState.HELD_BACK, f"{_goes_on(served)}; {worst.version} refused: {worst.reason}", worst.since)
    return Verdict(CellState.QUARANTINED, f"version {worst.version} is in quarantine: {worst.reason}", worst.since)


def _moving(pulled: Iterable[PulledVersion], served: ServedModel) -> Verdict | None:
    # What is served is on the disk: the two reports come on their own, and the puller's may be the older one.
    coming = [one for one in pulled if one.state in trouble.COMING and one.version not in served.serving]
    if line := trouble.loading(served):
        return Verdict(CellState.UPDATING, f"version {line.version} is being loaded", line.since)
    if coming:
        one = max(coming, key=lambda one: one.version)
        reason = f": {one.reason}" if one.reason else ""
        return Verdict(CellState.UPDATING, f"version {one.version} is {one.state}{reason}", one.since)
    return None


def _differing(pulled: Iterable[PulledVersion], served: ServedModel) -> Verdict | None:
    missing = sorted(set(served.desired) - set(served.serving))
    if served.difference:
        state = CellState.UPDATING if served.is_moving else CellState.BEHIND
        late = _late(one for one in pulled if one.version in missing) if served.is_moving else None
        return late or Verdict(state, served.difference, served.differs_since or _oldest(served.versions))
    if missing:
        return Verdict(CellState.BEHIND, f"version {missing[-1]} is desired and not served", _oldest(served.versions))
    newest = max(served.serving, default=-1)
    return _late(one for one in pulled if one.version > newest)


def _late(pulled: Iterable[PulledVersion]) -> Verdict | None:
    """Say that a version is not whole in the bucket, or not there at all."""
    late = [one for one in pulled if one.state is Stage.INCOMPLETE]
    if not late:
        return None
    one = max(late, key=lambda one: one.version)
    if one.reason == NOT_IN_BUCKET:
        return Verdict(CellState.BEHIND, f"version {one.version} is {one.reason}", one.since)
    return Verdict(CellState.UPLOADING, f"version {one.version} is being uploaded: {one.reason}", one.since)


def _at_rest(pulled: Iterable[PulledVersion], served: ServedModel) -> Verdict:
    changed = [one for one in pulled if one.state is Stage.MUTATED and one.version in served.serving]
    reason = f"version {changed[-1].version}: {changed[-1].reason}" if changed else ""
    serving = [line for line in served.versions if line.version in served.serving]
    since = max((line.since for line in serving), default=NEVER)
    if served.not_managed:
        return Verdict(CellState.NOT_MANAGED, served.not_managed, since)
    if served.serving:
        return Verdict(CellState.SERVING, reason, since)
    since = max((one.since for one in pulled), default=_oldest(served.versions))
    return Verdict(CellState.ABSENT, "no version is wanted here", since)


def _oldest(lines: Iterable[ServedVersion]) -> datetime:
    return min((line.since for line in lines), default=NEVER)
