"""What to do about a published version whose objects in the bucket are others now (issue 12). Pure.

Files that came in addition are taken in. Whatever was published under the number stays as it is.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from events.manifest import Content
from events.names import FileName, Version
from events.status import Stage
from events.wording import few
from puller.bucket.completeness import Complete, Incomplete, NeedsGraph, Settling, Unread, Unusable
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Seen
from puller.download.failures import FINAL
from puller.download.steps import Cancel, Extend, StageGraph
from puller.view import Decision, View
from service.layout import Receipt
from service.structure import is_loaded_with_graph

MAX_NAMED_FILES = 3  # in a reason


def decide_changed(view: View, version: Version, receipt: Receipt, *, is_sure: bool, now: datetime) -> Decision:
    """Decide about a version whose objects are not those of its receipt; `is_sure`: it is known to be whole."""
    seen = view.seen[version]
    names = _added(receipt, seen.files)
    if not names or any(map(is_loaded_with_graph, names)):
        return of_receipt(receipt, _mutation(receipt, seen), stage=Stage.MUTATED)
    stays = of_receipt(receipt, f"{few(names, most=MAX_NAMED_FILES)} came after its publication")
    if view.policy.removed or view.policy.paused or version in view.policy.refused:
        step = Cancel() if version in view.under_way else None
        return replace(_said(stays, "and waits, because of what an operator wants"), step=step)
    if version in view.under_way:
        return _said(stays, "and is being taken in")
    extend = Extend(seen.files, frozenset(names), receipt.signed_by)
    return _decide_added(view, stays, extend, is_sure=is_sure, now=now)


def of_receipt(receipt: Receipt, reason: str, *, stage: Stage = Stage.PUBLISHED) -> Decision:
    """Say what holds for a version that is on the disk, with who made it as its receipt has it."""
    return Decision(receipt.version, stage, reason, signed_by=receipt.signed_by, provenance=receipt.provenance)


def _decide_added(view: View, stays: Decision, extend: Extend, *, is_sure: bool, now: datetime) -> Decision:
    match view.seen[stays.version].assessment:
        case Settling(until=until) | Unread(until=until) as assessment:
            return replace(_said(stays, assessment.reason), again_in_seconds=max(0.0, (until - now).total_seconds()))
        case NeedsGraph(file=graph):
            return _attempt(view, stays, StageGraph(graph, bytes_held=graph.content.size))
        case Complete(note=note):
            return _attempt(view, stays, extend) if is_sure else _refused(stays, note)
        case Incomplete(reason=reason) | Unusable(reason=reason):
            return _refused(stays, reason)


def _attempt(view: View, stays: Decision, step: StageGraph | Extend) -> Decision:
    failure = view.failures.get(stays.version)
    if failure is None:
        return replace(_said(stays, "and is to be taken in"), step=step)
    if failure.stage in FINAL:
        return _refused(stays, failure.reason)
    said = _said(stays, f"and could not be taken in yet: {failure.reason}")
    if failure.retry_in_seconds <= 0:
        return replace(said, step=step)
    again_in_seconds = None if math.isinf(failure.retry_in_seconds) else failure.retry_in_seconds
    return replace(said, again_in_seconds=again_in_seconds)


def _said(stays: Decision, words: str) -> Decision:
    return replace(stays, reason=f"{stays.reason}, {words}")


def _refused(stays: Decision, why: str) -> Decision:
    """Leave the files out: what the bucket holds under the number is not what is served, and stays so."""
    return replace(_said(stays, f"and is not taken in: {why}; the disk's files stay"), stage=Stage.MUTATED)


def _added(receipt: Receipt, files: Iterable[RemoteFile]) -> list[FileName]:
    """Name the files that came in addition; none where anything else is different."""
    on_disk = _contents(receipt)
    offered = {file.name: file.content for file in files}
    if any(offered.get(name) != content for name, content in on_disk.items()):
        return []
    return sorted(offered.keys() - on_disk.keys())


def _mutation(receipt: Receipt, seen: Seen) -> str:
    """Say what became different, and that the disk's files stay."""
    if not seen.files and isinstance(seen.assessment, Unusable):  # two folders of one number
        return f"{seen.assessment.reason}; the disk's files stay"
    on_disk = _contents(receipt)
    offered = {file.name: file.content for file in seen.files}
    names = sorted(name for name in on_disk.keys() | offered.keys() if on_disk.get(name) != offered.get(name))
    return f"the bucket's objects changed after publication: {few(names, most=MAX_NAMED_FILES)}; the disk's stay"


def _contents(receipt: Receipt) -> dict[FileName, Content]:
    return {file.name: Content(file.size, file.crc32c) for file in receipt.files}
