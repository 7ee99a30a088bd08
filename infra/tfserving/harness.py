"""One managed version, from the first wish for it to its end."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from infra.tfserving.policy import Snapshot, Stage
from infra.tfserving.servable import Code, Loader, LoadFailure, Servable
from infra.tfserving.versions import ServableId

log = logging.getLogger("tfserving.harness")


class Harness:
    """A row of the manager's table."""

    def __init__(self, servable_id: ServableId, path: Path) -> None:
        self.id = servable_id
        self.path = path
        self.stage = Stage.NEW
        self.is_aspired = True
        self.servable: Servable | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing of it runs or is held."""
        return self.stage in {Stage.NEW, Stage.ENDED}

    def snapshot(self) -> Snapshot:
        """Return what the policy decides on."""
        return Snapshot(self.id, self.stage, self.is_aspired)

    def unaspire(self) -> None:
        """Note that nobody wants it; retries of its load end here."""
        self.is_aspired = False

    def load(
        self, loader: Loader, *, cancelled: Callable[[], bool], record: Callable[[Path, bool, float], None]
    ) -> None:
        """Try to load once, or raise `LoadFailure`."""
        began = time.monotonic()
        try:
            self.servable = loader.load(self.path, cancelled=cancelled)
        except LoadFailure:
            raise
        except Exception as error:  # a loader's bug ends its version, not the server
            log.exception("the loader of %s broke", self.id)
            raise LoadFailure(Code.INTERNAL, f"{type(error).__name__}: {error}") from error
        finally:
            record(self.path, self.servable is not None, time.monotonic() - began)

    def close(self) -> None:
        """Give back the loaded servable."""
        if self.servable is not None:
            self.servable.close()
            self.servable = None


def disk_size(path: Path) -> int:
    """Add up the bytes under a version's directory, or raise `LoadFailure`."""
    try:
        if not path.exists():
            raise LoadFailure(Code.NOT_FOUND, f"{path} not found")
        children = list(path.iterdir())
        return sum(disk_size(child) if child.is_dir() else child.stat().st_size for child in children)
    except NotADirectoryError as error:
        raise LoadFailure(Code.FAILED_PRECONDITION, f"{path}; Not a directory") from error
    except FileNotFoundError as error:
        raise LoadFailure(Code.NOT_FOUND, f"{error.filename}; No such file or directory") from error
    except OSError as error:
        raise LoadFailure(Code.UNKNOWN, f"{error.filename}; {error.strerror}") from error
