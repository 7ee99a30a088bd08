"""Which versions of one model the bucket is asked about: as few as a decision needs, and not one after the other.

A list operation costs money and time, so the newest version is looked at first, and older ones only where it is of no
use. Where many are of no use, as many again are looked at together: hundreds of incomplete versions take a few rounds.
"""

from collections.abc import Iterable, Iterator, Set
from itertools import islice, takewhile
from typing import Final

from events.desired import Latest, Pinned
from events.names import Version
from puller.bucket.completeness import Complete, Incomplete, NeedsGraph, Settling, Unread, Unusable
from puller.download.failures import FINAL
from puller.view import View

STUCK_TRIES = 3  # after which a node with nothing to serve takes an older version, too
# Versions looked at beside those that could be wanted: four rounds of the eight threads that list, and so many graphs
# that are staged at a time, of some megabytes each.
MOST_AHEAD: Final = 32


def unlisted(view: View) -> frozenset[Version]:
    """Choose the versions to list next; list them and ask again, until there are none."""
    if view.policy.removed or view.unread:
        return frozenset()
    on_disk = {version for version in view.published if version in view.offered}
    return frozenset((on_disk | set(contenders(view)) | ahead(view)) - view.seen.keys())


def contenders(view: View) -> Iterable[Version]:
    """Name the unpublished versions that could be wanted, newest first, stopping where enough are sure."""
    asked = sorted((asked_for(view) & view.offered) - view.published.keys(), reverse=True)
    return (*asked, *_newest(view))


def ahead(view: View) -> frozenset[Version]:
    """Choose older versions to look at besides, where several newer ones are of no use and the next is not known."""
    newest = _newest(view)
    useless = sum(not _may_serve(view, version) for version in newest)
    if useless < 2 or all(_is_known(view, version) for version in newest):
        return frozenset()
    older = sorted((version for version in followed(view) if version < newest[-1]), reverse=True)
    needed = takewhile(lambda version: not _is_enough(view, version), older)
    return frozenset(
        version for version in islice(needed, min(useless - 1, MOST_AHEAD)) if not _is_known(view, version)
    )


def _newest(view: View) -> tuple[Version, ...]:
    """The unpublished versions that could be wanted as the newest, descending."""
    return tuple(_seek_newest(view, view.policy.want.count)) if isinstance(view.policy.want, Latest) else ()


def _seek_newest(view: View, count: int) -> Iterator[Version]:
    for version in sorted(followed(view), reverse=True):
        if count == 0:
            return
        if version not in view.published:
            yield version
        count -= _may_serve(view, version)


def _is_known(view: View, version: Version) -> bool:
    """Tell whether nothing has to be fetched before a version can be judged."""
    seen = view.seen.get(version)
    return seen is not None and (not isinstance(seen.assessment, NeedsGraph) or version in view.failures)


def _is_enough(view: View, version: Version) -> bool:
    """Tell whether a version can be served, so that none below it needs a look."""
    return version in view.published or (_is_known(view, version) and _may_serve(view, version))


def _may_serve(view: View, version: Version) -> bool:
    """Tell whether no older version needs a look as long as nothing new is known of this one."""
    seen = view.seen.get(version)
    if is_barred(view, version) or is_hopeless(view, version):
        return False
    if version in view.published or seen is None:
        return True
    match seen.assessment:
        case Complete():
            return is_sure(view, version) and not is_stuck(view, version)
        case NeedsGraph():
            return version not in view.failures
        case Settling():
            return bool(view.published)
        case Incomplete() | Unusable() | Unread():
            return False


def asked_for(view: View) -> set[Version]:
    """The versions that an operator named: to be served by number or label, or to be on the disk for later."""
    want = view.policy.want
    pinned = want.versions if isinstance(want, Pinned) else ()
    return {*pinned, *view.policy.labels.values(), *view.policy.held} - set(view.policy.refused)


def followed(view: View) -> Set[Version]:
    """The versions among which the newest are sought; while updates are paused, none that is newer than the disk's."""
    known = (view.offered | set(view.published)) - set(view.policy.refused)
    if not view.policy.paused:
        return known
    return {version for version in known if version <= max(view.published, default=-1)}


def is_sure(view: View, version: Version) -> bool:
    """Tell whether a listed version is known to be whole, or an operator asks for it by its number."""
    assessment = view.seen[version].assessment
    named = {*asked_for(view), *view.policy.labels.values()}
    return isinstance(assessment, Complete) and (not assessment.note or version in named)


def is_hopeless(view: View, version: Version) -> bool:
    """Tell whether a try has shown that the version cannot be used with the bytes it has."""
    failure = view.failures.get(version)
    return version not in view.published and failure is not None and failure.stage in FINAL


def is_stuck(view: View, version: Version) -> bool:
    """Tell whether a version fails again and again to arrive on a node that has nothing of the model to serve."""
    failure = view.failures.get(version)
    if failure is None or failure.tries < STUCK_TRIES or not isinstance(view.policy.want, Latest):
        return False
    return all(other in view.policy.refused or is_barred(view, other) for other in view.published)


def is_barred(view: View, version: Version) -> bool:
    """Tell whether the version is in quarantine with the bytes it would be served with."""
    record = view.quarantines.get(version)
    if record is None or view.policy.retry.get(version, record.retry) != record.retry:
        return False
    if version in view.published:
        on_disk = view.published[version]
        return record.fingerprint in {None, on_disk.fingerprint if on_disk else None}
    seen = view.seen.get(version)
    return seen is not None and record.fingerprint in {None, seen.fingerprint}
