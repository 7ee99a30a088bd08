"""The way of one version in stages, out of the services' own events and the uploader's clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.messages import (
    DownloadFinished,
    DownloadStarted,
    NotificationReceived,
    ReloadSent,
    VersionAvailable,
    VersionEvent,
    VersionPublished,
    VersionVerified,
)

Happened = Sequence[tuple[datetime, VersionEvent]]

# What ends each stage; the first begins when the upload has finished.
STAGES: Mapping[str, type[VersionEvent]] = {
    "notification": NotificationReceived,
    "decision": DownloadStarted,
    "download": DownloadFinished,
    "verified": VersionVerified,
    "published": VersionPublished,
    "reload sent": ReloadSent,
    "AVAILABLE": VersionAvailable,
}
KINDS = tuple(STAGES.values())


class Incomplete(Exception):
    """The events do not tell the whole way."""


class Unannounced(Exception):
    """A pass found the version before any notification of it came."""


@dataclass(frozen=True, slots=True)
class Way:
    """When each stage of one version ended."""

    uploaded: datetime
    ends: tuple[datetime, ...]  # in the order of STAGES

    @property
    def stages_ms(self) -> tuple[float, ...]:
        """How long each stage took. The first may be negative: the notification can overtake the upload's answer."""
        return tuple(_ms(start, end) for start, end in zip((self.uploaded, *self.ends), self.ends, strict=False))

    @property
    def overhead_ms(self) -> float:
        """From the notification to the reload, without the transfer."""
        heard, decided, downloaded, _, _, reloaded, _ = self.ends
        return _ms(heard, reloaded) - _ms(decided, downloaded)

    @property
    def whole_ms(self) -> float:
        """From the end of the upload to AVAILABLE."""
        return _ms(self.uploaded, self.ends[-1])


def way(uploaded: datetime, happened: Happened) -> Way:
    """Read the way of one version out of its events.

    The notification that counts is the last before the download began. That is the manifest's, but where a pass that an
    earlier file's notification had begun already found the manifest in the bucket.
    """
    begun = _first(DownloadStarted, happened)
    heard = [at for at, event in happened if isinstance(event, NotificationReceived) and at <= begun]
    if not heard:
        raise Unannounced("the download began before any notification")
    return Way(uploaded, (max(heard), *(_first(kind, happened) for kind in KINDS[1:])))


def _first(kind: type[VersionEvent], happened: Happened) -> datetime:
    found = [at for at, event in happened if isinstance(event, kind)]
    if not found:
        raise Incomplete(f"no {kind.type} among the events {[event.type for _, event in happened]}")
    return min(found)


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
