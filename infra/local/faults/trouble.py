"""What a service that is rehearsed shall suffer, as a file that is written from outside and read at every step."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trouble:
    """How disk, process and clock of one service behave."""

    kill_at: str = ""
    """The step (see `points`) before which the process dies, as by kill -9."""
    kill_nth: int = 1
    """At which time that the step is reached."""
    free_bytes: int | None = None
    """So many bytes can still be written, then the disk is full; None: no limit of ours."""
    is_lazy: bool = False
    """The disk promises space that it has not: it becomes full while bytes are written, not when it is asked."""
    is_read_only: bool = False
    sync_seconds: float = 0.0
    """How long it takes to make something durable."""
    clock_seconds: float = 0.0
    """How far the wall clock is ahead; negative: behind."""
    lies: bool = False
    """What a puller gives to its neighbours is wrong."""
    send_seconds: float = 0.0
    """How long it takes until the next bytes go to a neighbour."""


NONE = Trouble()


def write(path: Path, trouble: Trouble) -> None:
    """Have the service suffer this from now on."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(asdict(trouble)))
    temporary.replace(path)


class Source:
    """Reads the file again whenever it was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self.trouble = NONE
        self.is_new = False

    def look(self) -> Trouble:
        """What is to be suffered now; a missing file means nothing. `is_new` tells whether that has just changed."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - called at every step: no object made for it
        except FileNotFoundError:
            self.trouble = NONE
            return NONE
        seen = (found.st_ino, found.st_mtime_ns)
        self.is_new = seen != self._seen
        if self.is_new:
            self._seen, self.trouble = seen, Trouble(**json.loads(self._path.read_text()))
        return self.trouble
