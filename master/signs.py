"""Signs of life: which services are heard, and since when the others are silent.

Each service writes its key every few seconds, and it stays with the time of the last sign. The master writes one, too:
when that comes back to it, it has read all that came before, so that a master which is late takes nobody for lost. A
JetStream that takes no writes brings no own sign back, and then nobody's silence counts.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from events import status, subjects
from events.names import NodeName
from master.fold import Fold
from service.watch import Entry, Follow

Place = tuple[NodeName, str]


class SignsOfLife:
    """Follows the bucket of presence and tells the fold who is heard."""

    def __init__(self, fold: Fold, own: Place, *, grace_seconds: float, beat: Callable[[], None]) -> None:
        """Keep what was given; `beat` writes the master's own sign."""
        self._fold = fold
        self._own = own
        self._grace = timedelta(seconds=grace_seconds)
        self._beat = beat

    def begin(self, on_whole: Callable[[], None]) -> Follow:
        """Follow from the beginning; `on_whole` is called once all who are there have been told."""
        last: dict[Place, tuple[datetime, bool]] = {}  # the last word of each, and whether it was a sign of life
        begun: datetime | None = None  # when NATS was away, so were all signs: silence counts from here on
        is_live = False

        def follow(entry: Entry | None) -> None:
            nonlocal begun, is_live
            if entry is None:
                is_live = True
                self._beat()
                return
            place = whose(entry.key)
            if entry.value is not None:
                status.presence(entry.value, *place)
            last[place] = (entry.time, entry.value is not None)
            if not is_live:
                return
            if place != self._own:
                if entry.value is not None:
                    self._fold.alive(*place)
                return
            is_first, begun = begun is None, begun or entry.time
            self._judge(last, now=entry.time, begun=begun)
            if is_first:
                self._fold.know_presence()
                on_whole()

        return follow

    def _judge(self, last: dict[Place, tuple[datetime, bool]], *, now: datetime, begun: datetime) -> None:
        heard = self._fold.heard
        for place in heard - last.keys():
            last[place] = (begun, False)
        for place, (at, is_sign) in last.items():
            counts_from = max(at, begun) if place in heard else at
            if now - counts_from > self._grace or not (is_sign or place in heard):
                self._fold.silent(*place, at)
            elif is_sign:
                self._fold.alive(*place)


def whose(key: str) -> Place:
    """Read whose a key is."""
    token, _, service = key.rpartition(".")
    return NodeName.parse(subjects.name(token)), service
