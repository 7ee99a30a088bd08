"""Who writes under one key: two living processes of one name are told apart by their signs of life. Pure.

A start follows an end: the signs of one process stop before those of the next begin. Signs that take turns are of two
processes that both live: a cloned machine, or a name given twice. Both then share all that belongs to the name.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.status import Presence

LIVE = timedelta(seconds=15)  # a process that was not heard for so long lives no more: three signs missed


@dataclass(frozen=True, slots=True)
class _Heard:
    sign: Presence
    first: datetime
    last: datetime


class Writers:
    """The processes that of late gave signs of life as one service."""

    def __init__(self) -> None:
        """Nobody was heard yet."""
        self._heard: dict[str, _Heard] = {}

    def hear(self, sign: Presence, at: datetime) -> tuple[Presence, ...]:
        """Take a sign of life, and tell which processes live side by side: none where there is one alone."""
        before = self._heard.get(sign.process)
        self._heard = {process: heard for process, heard in self._heard.items() if at - heard.last <= LIVE}
        if sign.is_last:
            self._heard.pop(sign.process, None)
        else:
            self._heard[sign.process] = _Heard(sign, before.first if before else at, at)
        found = self._heard.values()
        rivals = [one for one in found if any(_overlap(one, other) for other in found if other is not one)]
        return tuple(one.sign for one in sorted(rivals, key=lambda one: (one.sign.started, one.sign.process)))


def words(rivals: tuple[Presence, ...]) -> str:
    """Say that several processes report as one; empty where there is none or one."""
    if len(rivals) < 2:
        return ""
    one = rivals[0]
    count = {2: "two", 3: "three"}.get(len(rivals), str(len(rivals)))
    who = ", ".join(f"{_name(rival)} since {rival.started:%Y-%m-%d %H:%M:%S} UTC" for rival in rivals)
    return (
        f"{count} processes report as {one.node}'s {one.service}: {who}; give each machine a name of its own (MM_NODE)"
    )


def _name(sign: Presence) -> str:
    return f"{sign.host or 'a host that is not told'} ({sign.process[:8]})"


def _overlap(one: _Heard, other: _Heard) -> bool:
    return one.first < other.last and other.first < one.last
