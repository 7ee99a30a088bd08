"""What to do about one model: a pure decision over what was observed.

`unlisted` says which versions must be looked at before anything can be decided, as few as possible: a list operation
costs money and time. `decide` then gives every version a state with its reason, and a step where one is due.
"""

import math
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime

from events.desired import Latest, Pinned, choose
from events.names import Version
from events.status import NOT_IN_BUCKET, Stage
from puller.changes import decide_changed
from puller.completeness import Complete, Incomplete, NeedsGraph, Settling, Unread, Unusable
from puller.view import FINAL, Cancel, Decision, Fetch, StageGraph, View
from service.layout import Receipt

UNSURE = "it waits for a manifest.json, as model-manager publish uploads it, or for an operator who pins or pulls it"
UNDECIDED_SECONDS = 15.0  # until a model that nothing could be decided about is looked at again
STUCK_TRIES = 3  # after which a node with nothing to serve takes an older version, too


def unlisted(view: View) -> frozenset[Version]:
    """Choose the versions to list next; list them and ask again, until there are none."""
    if view.policy.removed or view.unread:
        return frozenset()
    on_disk = {version for version in view.published if version in view.offered}
    return frozenset((on_disk | set(_contenders(view))) - view.seen.keys())


def decide(view: View, *, now: datetime) -> tuple[Decision, ...]:
    """Decide about all versions of the model, ascending."""
    if view.unread:
        return undecided(view, _contenders(view), view.unread)
    versions: set[Version] = set(view.published) | view.under_way
    if not view.policy.removed:
        versions |= view.offered
        versions |= _asked_for(view)
    choice = _Choice(_wanted(view), frozenset(_contenders(view)))
    return tuple(_decide(view, version, choice=choice, now=now) for version in sorted(versions))


def undecided(view: View, others: Iterable[Version], reason: str) -> tuple[Decision, ...]:
    """Leave a model as it is, whatever is wanted, and say of its versions why; look again before long."""
    on_disk = dict.fromkeys(view.published, Stage.PUBLISHED)
    stages = {**dict.fromkeys(others, Stage.FAILED), **dict.fromkeys(view.under_way, Stage.DOWNLOADING), **on_disk}
    return tuple(
        Decision(version, stages[version], reason, again_in_seconds=UNDECIDED_SECONDS) for version in sorted(stages)
    )


def _asked_for(view: View) -> set[Version]:
    """The versions that an operator named: to be served by number or label, or to be on the disk for later."""
    want = view.policy.want
    pinned = want.versions if isinstance(want, Pinned) else ()
    return {*pinned, *view.policy.labels.values(), *view.policy.held} - set(view.policy.refused)


def _followed(view: View) -> Set[Version]:
    """The versions among which the newest are sought; while updates are paused, none that is newer than the disk's."""
    known = (view.offered | set(view.published)) - set(view.policy.refused)
    if not view.policy.paused:
        return known
    return {version for version in known if version <= max(view.published, default=-1)}


@dataclass(frozen=True, slots=True)
class _Choice:
    wanted: tuple[Version, ...]
    contenders: Set[Version]


def _contenders(view: View) -> Iterator[Version]:
    """Name the unpublished versions that could be wanted, newest first, stopping where enough are sure."""
    yield from sorted((_asked_for(view) & view.offered) - view.published.keys(), reverse=True)
    if not isinstance(view.policy.want, Latest):
        return
    count = view.policy.want.count
    for version in sorted(_followed(view), reverse=True):
        if count == 0:
            return
        if version not in view.published:
            yield version
        count -= _may_serve(view, version)


def _may_serve(view: View, version: Version) -> bool:
    """Tell whether no older version needs a look as long as nothing new is known of this one."""
    seen = view.seen.get(version)
    if _is_barred(view, version) or _is_hopeless(view, version):
        return False
    if version in view.published or seen is None:
        return True
    match seen.judgement:
        case Complete():
            return _is_sure(view, version) and not _is_stuck(view, version)
        case NeedsGraph():
            return version not in view.failures
        case Settling():
            return bool(view.published)
        case Incomplete() | Unusable() | Unread():
            return False


def _wanted(view: View) -> tuple[Version, ...]:
    """Choose what is wanted; where that cannot be had and nothing can be served, the next best besides."""
    complete = {version for version in view.seen if _is_sure(view, version)}
    known = complete | view.published.keys()
    candidates = {version for version in known if not _is_barred(view, version) and not _is_hopeless(view, version)}
    stuck = {version for version in candidates if _is_stuck(view, version)}
    served = view.published
    return tuple(
        {*choose(view.policy, candidates, served=served), *choose(view.policy, candidates - stuck, served=served)}
    )


def _is_sure(view: View, version: Version) -> bool:
    """Tell whether a listed version is known to be whole, or an operator asks for it by its number."""
    judgement = view.seen[version].judgement
    named = {*_asked_for(view), *view.policy.labels.values()}
    return isinstance(judgement, Complete) and (not judgement.note or version in named)


def _is_hopeless(view: View, version: Version) -> bool:
    """Tell whether a try has shown that the version cannot be used with the bytes it has."""
    failure = view.failures.get(version)
    return version not in view.published and failure is not None and failure.stage in FINAL


def _is_stuck(view: View, version: Version) -> bool:
    """Tell whether a version fails again and again to arrive on a node that has nothing of the model to serve."""
    failure = view.failures.get(version)
    if failure is None or failure.tries < STUCK_TRIES or not isinstance(view.policy.want, Latest):
        return False
    return all(other in view.policy.refused or _is_barred(view, other) for other in view.published)


def _is_barred(view: View, version: Version) -> bool:
    """Tell whether the version is in quarantine with the bytes it would be served with."""
    record = view.quarantines.get(version)
    if record is None or view.policy.retry.get(version, record.retry) != record.retry:
        return False
    if version in view.published:
        on_disk = view.published[version]
        return record.fingerprint in {None, on_disk.fingerprint if on_disk else None}
    seen = view.seen.get(version)
    return seen is not None and record.fingerprint in {None, seen.fingerprint}


def _decide(view: View, version: Version, *, choice: _Choice, now: datetime) -> Decision:
    if version in view.published:
        return _decide_published(view, version, now=now)
    if version in view.under_way:
        is_unwelcome = view.policy.removed or version in view.policy.refused
        return Decision(version, Stage.DOWNLOADING, step=Cancel() if is_unwelcome else None)
    if reason := _why_not(view, version, choice):
        return Decision(version, Stage.NOT_WANTED, reason)
    if _is_barred(view, version):
        return Decision(version, Stage.QUARANTINED, view.quarantines[version].reason)
    return _decide_contender(view, version, now=now)


def _decide_published(view: View, version: Version, *, now: datetime) -> Decision:
    on_disk, seen = view.published[version], view.seen.get(version)
    if _is_barred(view, version):
        return Decision(version, Stage.QUARANTINED, view.quarantines[version].reason)
    if on_disk is None:
        return Decision(version, Stage.PUBLISHED, "put there by hand: its files cannot be compared with the bucket's")
    if view.offered and version not in view.offered:
        return Decision(version, Stage.PUBLISHED, "no longer in the bucket")
    if seen and seen.fingerprint != on_disk.fingerprint:
        return decide_changed(view, version, on_disk.receipt, is_sure=_is_sure(view, version), now=now)
    return Decision(version, Stage.PUBLISHED, _doubt(on_disk.receipt), signed_by=on_disk.receipt.signed_by)


def _doubt(receipt: Receipt) -> str:
    """Say that a version was taken without a signature that this node believes; empty where it was not."""
    return (
        f"taken without a signature that this node believes (MM_SIGNATURES): {receipt.doubt}" if receipt.doubt else ""
    )


def _why_not(view: View, version: Version, choice: _Choice) -> str:
    """Say why nobody asks for a version, whatever is in it; empty where somebody does."""
    if version in view.policy.refused:
        return "an operator refused this version"
    if version in _asked_for(view):
        return ""
    if isinstance(view.policy.want, Pinned):
        pinned = ", ".join(map(str, view.policy.want.versions))
        return f"pinned to {pinned}"
    if version not in choice.contenders:
        is_held_back = view.policy.paused and version not in _followed(view)
        return "updates are paused: nothing new is fetched" if is_held_back else "older than what is wanted"
    seen = view.seen.get(version)
    is_complete = seen is not None and _is_sure(view, version)
    is_ruled_out = _is_barred(view, version) or _is_hopeless(view, version)
    return "newer versions are wanted" if is_complete and not is_ruled_out and version not in choice.wanted else ""


def _decide_contender(view: View, version: Version, *, now: datetime) -> Decision:
    if version not in view.seen:
        return _decide_unseen(view, version)
    match view.seen[version].judgement:
        case Incomplete(reason=reason):
            return Decision(version, Stage.INCOMPLETE, reason)
        case Unusable(reason=reason):
            return Decision(version, Stage.INVALID, reason)
        case Settling(until=until, reason=reason) | Unread(until=until, reason=reason) as judgement:
            wait_seconds = max(0.0, (until - now).total_seconds())
            stage = Stage.SETTLING if isinstance(judgement, Settling) else Stage.FAILED
            return Decision(version, stage, reason, again_in_seconds=wait_seconds)
        case Complete(note=note) if not _is_sure(view, version):
            return Decision(version, Stage.INCOMPLETE, f"{note}; {UNSURE}")
        case NeedsGraph() | Complete() as ready:
            return _attempt(
                view, version, StageGraph(ready.file) if isinstance(ready, NeedsGraph) else Fetch(ready.files)
            )


def _decide_unseen(view: View, version: Version) -> Decision:
    if version not in view.offered:
        return Decision(version, Stage.INCOMPLETE, NOT_IN_BUCKET)
    reason = view.unlisted.get(version)
    stage = Stage.FAILED if reason else Stage.WAITING
    return Decision(version, stage, reason or "the bucket could not be listed yet")


def _attempt(view: View, version: Version, step: StageGraph | Fetch) -> Decision:
    failure = view.failures.get(version)
    if failure is None:
        return Decision(version, Stage.WAITING, "its turn has not come", step=step)
    if failure.retry_in_seconds <= 0:
        return Decision(version, failure.stage, failure.reason, step=step)
    is_final = math.isinf(failure.retry_in_seconds)
    again_in_seconds = None if is_final else failure.retry_in_seconds
    return Decision(version, failure.stage, failure.reason, again_in_seconds=again_in_seconds)
