"""The states of a version, in TensorFlow Serving's own words. Values only."""

from dataclasses import dataclass
from enum import IntEnum


class State(IntEnum):
    """The states GetModelStatus speaks of, with their numbers on the wire."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class Status:
    """What TensorFlow Serving says of a version; `code` is 0 unless it failed."""

    state: State
    code: int = 0
    message: str = ""

    @property
    def is_available(self) -> bool:
        """Whether it answers requests."""
        return self.state is State.AVAILABLE and self.code == 0

    @property
    def is_active(self) -> bool:
        """Whether it is being served or on the way there."""
        return State.START <= self.state <= State.AVAILABLE

    @property
    def has_failed(self) -> bool:
        """Whether its load ended without success."""
        return self.state is State.END and self.code != 0
