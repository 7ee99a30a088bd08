"""What happened to one version, in order, with the milliseconds between: the services' own events and what we saw."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from events import messages
from events.messages import Event, VersionEvent


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at: datetime
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A moment as the table shows it: milliseconds since the upload's end and since the row before."""

    what: str
    detail: str
    since_upload_ms: float
    since_last_ms: float


def moments(events: Iterable[tuple[datetime, VersionEvent]]) -> list[Moment]:
    """Put a version's events in words, from the notification on that started its download."""
    happened = list(events)
    download = min((at for at, event in happened if isinstance(event, messages.DownloadStarted)), default=None)
    heard = [
        at
        for at, event in happened
        if isinstance(event, messages.NotificationReceived) and (download is None or at <= download)
    ]
    start = max(heard, default=None)
    return [
        Moment(at, NAMES.get(type(event), event.type), detail(event))
        for at, event in happened
        if at == start or ((start is None or at > start) and not isinstance(event, messages.NotificationReceived))
    ]


def detail(event: VersionEvent) -> str:
    """An event's numbers, or why a step failed."""
    text = ""
    match event:
        case messages.NotificationReceived(object_name=name):
            text = name
        case messages.DownloadStarted(files=files, bytes_total=total):
            text = f"{files} files, {size(total)}"
        case messages.DownloadProgress(bytes_done=done, bytes_total=total, bytes_per_second=rate):
            text = f"{100 * done // max(total, 1)} %, {size(int(rate))}/s"
        case messages.DownloadFinished(bytes_moved=moved, bytes_linked=linked, bytes_resumed=resumed, seconds=seconds):
            text = f"100 %, {size(moved)} moved in {1000 * seconds:.0f} ms"
            text += f", {size(event.bytes_from_neighbours)} from neighbours" if event.bytes_from_neighbours else ""
            text += f", {size(linked)} shared with another version" if linked else ""
            text += f", {size(resumed)} staged before" if resumed else ""
        case messages.VersionVerified(files=files):
            text = f"size and CRC32C of {files} files"
        case messages.DownloadFailed(reason=reason) | messages.VersionRefused(reason=reason):
            text = reason
        case _:
            pass
    return " ".join(text.split())


NAMES: dict[type[Event], str] = {
    messages.NotificationReceived: "notification received",
    messages.DownloadStarted: "download started",
    messages.DownloadProgress: "downloading",
    messages.DownloadFinished: "download finished",
    messages.VersionVerified: "verified",
    messages.VersionPublished: "published on disk",
    messages.VersionExtended: "late files added",
    messages.ReloadSent: "reload sent",
    messages.VersionAvailable: "AVAILABLE",
    messages.SmokePassed: "sample answered right",
    messages.VersionServed: "confirmed as served",
    messages.VersionQuarantined: "quarantined",
    messages.VersionIncomplete: "incomplete",
}


def rows(uploaded: datetime, happened: Iterable[Moment]) -> list[Row]:
    """Order the moments, the end of the upload among them, and measure between."""
    table: list[Row] = []
    for moment in sorted([Moment(uploaded, "upload finished"), *happened], key=lambda one: one.at):
        since = milliseconds(uploaded, moment.at)
        table.append(Row(moment.what, moment.detail, since, since - table[-1].since_upload_ms if table else 0.0))
    return table


def milliseconds(start: datetime, end: datetime) -> float:
    """The time between two moments."""
    return (end - start).total_seconds() * 1000


def size(count: int) -> str:
    """A number of bytes as people say it."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
