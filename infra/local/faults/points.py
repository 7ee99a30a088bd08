"""The named steps at which a service changes its disk: where it can be killed, and where the disk can fail.

A step is named by what is done and to what: `rename version` publishes, `sync stage` makes staged bytes durable. The
lists are closed; a test runs the services and compares.
"""

from pathlib import Path
from typing import Final

from service.layout import OWN

DESIRED: Final = frozenset({"mkdir own", "open desired", "sync desired", "rename desired", "sync own"})
PULLER: Final = DESIRED | frozenset(
    {
        "mkdir stage",
        "open journal",
        "rename journal",
        "open stage",
        "allocate stage",
        "write stage",
        "link stage",
        "sync stage",
        "chmod stage",
        "remove stage",
        "mkdir receipt",
        "open receipt",
        "sync receipt",
        "rename receipt",
        "mkdir model",
        "sync models folder",
        "rename version",
        "sync model",
        "sync journal",
        "remove journal",
        "rmdir stage",
        "remove receipt",
        "send unit",
        "send lie",
    }
)
CONFIGURATOR: Final = DESIRED | frozenset(
    {
        "mkdir models folder",
        "open good",
        "sync good",
        "rename good",
        "open config",
        "sync config",
        "rename config",
        "sync models folder",
        "mkdir quarantine",
        "open quarantine",
        "sync quarantine",
        "rename quarantine",
        "mkdir trash",
        "rename trash",
        "sync model",
        "remove receipt",
        "remove mark",
        "remove trash",
        "rmdir trash",
        "rmdir model",
    }
)
BELOW_OWN: Final = {
    "receipts": "receipt",
    "quarantine": "quarantine",
    "extended": "mark",
    "trash": "trash",
    "held": "held",
    "last-good": "good",
    "desired": "desired",
}


def what(path: Path, models: Path) -> str:
    """Name the kind of file or folder that a path below the models folder is; empty for any other path."""
    if not path.is_relative_to(models) or path.match(f"{OWN}/lock.*"):  # a lock is gone with its process
        return ""
    parts = path.relative_to(models).parts
    match parts:
        case ():
            return "models folder"
        case (name,) if name.lstrip(".").startswith("models.config"):
            return "config"
        case (name, *rest) if name == OWN:
            return _own(rest)
        case (_,):
            return "model"
        case _:
            return "version"


def _own(parts: list[str]) -> str:
    if not parts:
        return "own"
    if parts[0] == "stage":
        return "journal" if ".journal" in parts[-1] else "stage"
    known = (kind for name, kind in BELOW_OWN.items() if name in parts[0])
    return next(known, "own file")
