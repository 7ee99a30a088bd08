"""What to do about one model: a pure decision over what was observed.

What has to be known of the bucket for that, `puller/contenders.py` says. `decide` then gives every version a state with
its reason, and a step where one is due.
"""

import math
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from events.desired import Pinned, choose
from events.names import Version
from events.status import NOT_IN_BUCKET, Stage
from puller.bucket.completeness import Complete, Incomplete, NeedsGraph, Settling, Unread, Unusable
from puller.changes import decide_changed, of_receipt
from puller.contenders import ahead, asked_for, contenders, followed, is_barred, is_hopeless, is_stuck, is_sure
from puller.download.steps import Cancel, Fetch, StageGraph
from puller.view import Decision, View
from service.layout import Receipt

UNSURE = "it waits for a manifest.json, as model-manager publish uploads it, or for an operator who pins or pulls it"
OLDER = "older than what is wanted"
UNDECIDED_SECONDS = 15.0  # until a model that nothing could be decided about is looked at again


def decide(view: View, *, now: datetime) -> tuple[Decision, ...]:
    """Decide about all versions of the model, ascending."""
    if view.unread:
        return undecided(view, contenders(view), view.unread)
    versions: set[Version] = set(view.published) | view.under_way
    if not view.policy.removed:
        versions |= view.offered
        versions |= asked_for(view)
    choice = _Choice(_wanted(view), frozenset(contenders(view)), ahead(view))
    return tuple(_decide(view, version, choice=choice, now=now) for version in sorted(versions))


def undecided(view: View, others: Iterable[Version], reason: str) -> tuple[Decision, ...]:
    """Leave a model as it is, whatever is wanted, and say of its versions why; look again before long."""
    on_disk = dict.fromkeys(view.published, Stage.PUBLISHED)
    stages = {**dict.fromkeys(others, Stage.FAILED), **dict.fromkeys(view.under_way, Stage.DOWNLOADING), **on_disk}
    return tuple(
        Decision(version, stages[version], reason, again_in_seconds=UNDECIDED_SECONDS) for version in sorted(stages)
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    wanted: tuple[Version, ...]
    contenders: Set[Version]
    ahead: Set[Version]  # whose graphs are read besides, as nothing else can be told of them


def _wanted(view: View) -> tuple[Version, ...]:
    """Choose what is wanted; where that cannot be had and nothing can be served, the next best besides."""
    complete = {version for version in view.seen if is_sure(view, version)}
    known = complete | view.published.keys()
    candidates = {version for version in known if not is_barred(view, version) and not is_hopeless(view, version)}
    stuck = {version for version in candidates if is_stuck(view, version)}
    served = view.published
    return tuple(
        {*choose(view.policy, candidates, served=served), *choose(view.policy, candidates - stuck, served=served)}
    )


def _decide(view: View, version: Version, *, choice: _Choice, now: datetime) -> Decision:
    if version in view.published:
        return _decide_published(view, version, now=now)
    if version in view.under_way:
        is_unwelcome = view.policy.removed or version in view.policy.refused
        return Decision(version, Stage.DOWNLOADING, step=Cancel() if is_unwelcome else None)
    if version in choice.ahead:
        return _decide_ahead(view, version)
    if reason := _why_not(view, version, choice):
        return Decision(version, Stage.NOT_WANTED, reason)
    if is_barred(view, version):
        return Decision(version, Stage.QUARANTINED, view.quarantines[version].reason)
    return _decide_contender(view, version, now=now)


def _decide_published(view: View, version: Version, *, now: datetime) -> Decision:
    on_disk, seen = view.published[version], view.seen.get(version)
    if is_barred(view, version):
        return Decision(version, Stage.QUARANTINED, view.quarantines[version].reason)
    if on_disk is None:
        return Decision(version, Stage.PUBLISHED, "put there by hand: its files cannot be compared with the bucket's")
    if view.offered and version not in view.offered:
        return Decision(version, Stage.PUBLISHED, "no longer in the bucket")
    if seen and seen.fingerprint != on_disk.fingerprint:
        return decide_changed(view, version, on_disk.receipt, is_sure=is_sure(view, version), now=now)
    return of_receipt(on_disk.receipt, _doubt(on_disk.receipt))


def _doubt(receipt: Receipt) -> str:
    """Say that a version was taken without a signature that this node believes; empty where it was not."""
    return (
        f"taken without a signature that this node believes (MM_SIGNATURES): {receipt.doubt}" if receipt.doubt else ""
    )


def _decide_ahead(view: View, version: Version) -> Decision:
    """Read the graph of a version that is not wanted yet, where that is all that says whether it could be."""
    seen = view.seen.get(version)
    step = StageGraph(seen.assessment.file) if seen and isinstance(seen.assessment, NeedsGraph) else None
    return Decision(version, Stage.NOT_WANTED, OLDER, step=step)


def _why_not(view: View, version: Version, choice: _Choice) -> str:
    """Say why nobody asks for a version, whatever is in it; empty where somebody does."""
    if version in view.policy.refused:
        return "an operator refused this version"
    if version in asked_for(view):
        return ""
    if isinstance(view.policy.want, Pinned):
        pinned = ", ".join(map(str, view.policy.want.versions))
        return f"pinned to {pinned}"
    if version not in choice.contenders:
        is_held_back = view.policy.paused and version not in followed(view)
        return "updates are paused: nothing new is fetched" if is_held_back else OLDER
    seen = view.seen.get(version)
    is_complete = seen is not None and is_sure(view, version)
    is_ruled_out = is_barred(view, version) or is_hopeless(view, version)
    return "newer versions are wanted" if is_complete and not is_ruled_out and version not in choice.wanted else ""


def _decide_contender(view: View, version: Version, *, now: datetime) -> Decision:
    if version not in view.seen:
        return _decide_unseen(view, version)
    match view.seen[version].assessment:
        case Incomplete(reason=reason):
            return Decision(version, Stage.INCOMPLETE, reason)
        case Unusable(reason=reason):
            return Decision(version, Stage.INVALID, reason)
        case Settling(until=until, reason=reason) | Unread(until=until, reason=reason) as assessment:
            wait_seconds = max(0.0, (until - now).total_seconds())
            stage = Stage.SETTLING if isinstance(assessment, Settling) else Stage.FAILED
            return Decision(version, stage, reason, again_in_seconds=wait_seconds)
        case Complete(note=note) if not is_sure(view, version):
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
