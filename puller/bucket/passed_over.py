"""What lies in the bucket and is no file of a version: counted by reason, and some of it named (issue 12)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from events.status import MAX_NAMED
from events.wording import in_one_line

MAX_CHARACTERS = 200  # of a name that is shown


@dataclass(frozen=True, slots=True)
class PassedOver:
    """How many objects and folders by reason, and the first few names of each."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count one."""
        self.counts[reason] += 1
        self._name(reason, (in_one_line(name, most=MAX_CHARACTERS),))

    def update(self, other: "PassedOver") -> None:
        """Count all of another."""
        self.counts.update(other.counts)
        for reason, names in other.names.items():
            self._name(reason, names)

    def _name(self, reason: str, names: Iterable[str]) -> None:
        self.names[reason] = tuple(sorted({*self.names.get(reason, ()), *names})[:MAX_NAMED])
