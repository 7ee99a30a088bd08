"""Numbers and times as people read them. Time comes in as an argument."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from events.names import NodeName, Version
from events.status import Progress
from events.wording import few
from master.fleet.views import Tally

T = TypeVar("T")
_PARTS = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s?)?")


def age(since: datetime, *, now: datetime) -> str:
    """How long ago something was, in its two largest units: `45s`, `12m`, `3h 5m`, `2d 4h`."""
    seconds = max(0, int((now - since).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds}s"
    if minutes < 60:
        return f"{minutes}m"
    if days < 1:
        return f"{hours}h {minutes % 60}m"
    return f"{days}d {hours % 24}h"


def moment(at: datetime) -> str:
    """A moment with its date and zone, as in the reasons that the master gives."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def size(count: float) -> str:
    """Bytes: `312 B`, `4.2 MiB`; a unit is 1024 of the one before, as in settings and reasons."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def versions(numbers: Iterable[Version]) -> str:
    """Version numbers side by side, or a dash."""
    return ", ".join(str(number) for number in numbers) or "-"


def labels(pointers: dict[str, Version]) -> str:
    """Labels with the versions they point at."""
    return ", ".join(f"{label}={version}" for label, version in sorted(pointers.items()))


def tallies(cells: Iterable[Tally]) -> str:
    """How many of each state."""
    return ", ".join(f"{cell.count} {cell.state}" for cell in cells) or "none"


def joined(sentences: Iterable[str]) -> str:
    """Put sentences on one line, whether they end with a full stop or not."""
    line = ""
    for sentence in sentences:
        line += f"{' ' if line.endswith('.') else '; '}{sentence}" if line else sentence
    return line


def count(number: int, thing: str) -> str:
    """Count things: `1 node`, `2 nodes`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def grouped(rows: Iterable[tuple[NodeName, T]]) -> list[tuple[str, T]]:
    """Put nodes together of which the same is said: a fleet of a thousand shall not fill a thousand lines."""
    by_words: dict[T, list[NodeName]] = {}
    for node, said in rows:
        by_words.setdefault(said, []).append(node)
    return [(named(nodes), said) for said, nodes in by_words.items()]


def named(nodes: Sequence[NodeName], *, most: int = 5) -> str:
    """Name a few nodes, and count the others."""
    return few(nodes, most=most)


def progress(transfer: Progress) -> str:
    """How far a transfer is: `42 % of 1.2 GiB, 80.0 MiB/s, 9s left, 300.0 MiB from neighbours`."""
    share = 100 * transfer.bytes_done // transfer.bytes_total if transfer.bytes_total else 100
    left = f", {transfer.seconds_left:.0f}s left" if transfer.seconds_left is not None else ""
    given = f", {size(transfer.bytes_from_neighbours)} from neighbours" if transfer.bytes_from_neighbours else ""
    return f"{share} % of {size(transfer.bytes_total)}, {size(transfer.bytes_per_second)}/s{left}{given}"


def duration(text: str) -> timedelta:
    """Read a time such as `90`, `45s`, `10m` or `1h30m`; ValueError where it is none."""
    found = _PARTS.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise ValueError(f"{text!a} is no time; write it as 45s, 10m or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
