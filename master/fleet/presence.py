"""Signs of life: which services are heard, and since when the others are silent.

Each service writes its key every few seconds, and it stays with the time of the last sign. The master writes one, too:
when that comes back to it, it has read all that came before, so that a master which is late takes nobody for lost. A
JetStream that takes no writes brings no own sign back, and then nobody's silence counts.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from events import status, subjects, writers
from events.names import NodeName
from events.status import Presence
from events.writers import Writers
from master.fleet.state import FleetState
from service.watch import Entry, Follow

Place = tuple[NodeName, str]


@dataclass(frozen=True, slots=True)
class LastPresence:
    """The last that stands under a key: a sign of life, or None where it was taken away."""

    at: datetime
    sign: Presence | None

    @property
    def is_sign(self) -> bool:
        """Whether it says that the service lives."""
        return self.sign is not None and not self.sign.is_last

    @property
    def has_ended(self) -> bool:
        """Whether the service said that it ends."""
        return self.sign is not None and self.sign.is_last


class PresenceTracker:
    """Follows the bucket of presence, and notes in `FleetState` who is heard and which names two processes have."""

    def __init__(
        self, fleet_state: FleetState, own: Presence, *, grace_seconds: float, beat: Callable[[], None]
    ) -> None:
        """Keep what was given; `beat` writes the master's own sign."""
        self._state = fleet_state
        self._own = own
        self._grace = timedelta(seconds=grace_seconds)
        self._beat = beat
        self._writers: defaultdict[Place, Writers] = defaultdict(Writers)

    def begin(self, on_whole: Callable[[], None]) -> Follow:
        """Follow from the beginning; `on_whole` is called once all who are there have been told."""
        last: dict[Place, LastPresence] = {}
        begun: datetime | None = None  # when NATS was away, so were all signs: silence counts from here on
        is_live = False

        def follow(entry: Entry | None) -> None:
            nonlocal begun, is_live
            if entry is None:
                is_live = True
                self._beat()
                return
            place = whose(entry.key)
            sign = None if entry.value is None else status.presence(entry.value, *place)
            last[place] = LastPresence(entry.time, sign)
            if not is_live:
                return
            if sign is None or sign.process != self._own.process:
                if sign:
                    self._hear(place, sign, entry.time)
                return
            is_first, begun = begun is None, begun or entry.time
            self._judge(last, now=entry.time, begun=begun)
            if is_first:
                self._state.know_presence()
                on_whole()

        return follow

    def _hear(self, place: Place, sign: Presence, at: datetime) -> None:
        """Take a sign of life; the last one of a process says that it ended, unless another lives in its name."""
        rivals = self._writers[place].hear(sign, at)
        self._state.share(*place, writers.words(rivals), max((rival.started for rival in rivals), default=at))
        if sign.is_last:
            self._state.silent(*place, at, has_ended=True)
        else:
            self._state.alive(*place)

    def _judge(self, last: dict[Place, LastPresence], *, now: datetime, begun: datetime) -> None:
        heard = self._state.heard
        for place in heard - last.keys():
            last[place] = LastPresence(begun, None)
        for place, word in last.items():
            counts_from = max(word.at, begun) if place in heard else word.at
            if word.has_ended or now - counts_from > self._grace or not (word.is_sign or place in heard):
                self._state.silent(*place, word.at, has_ended=word.has_ended)
            elif word.is_sign:
                self._state.alive(*place)


def whose(key: str) -> Place:
    """Read whose a key is."""
    token, _, service = key.rpartition(".")
    return NodeName.parse(subjects.name(token)), service
