"""`python -m infra.local.faults.service puller|configurator`: a node's service on a layer that fails when told.

    REHEARSAL_FILE      what to suffer: a file as `trouble.write` writes it, read again whenever it is replaced
    REHEARSAL_RECORD    a file that takes the name of each step that is reached, once a life (default: none)

Everything else is the service's own program with its own settings. Its wall clock is the layer's: jumps are seen by all
that asks for the time through the service's modules; the monotonic clock, which cannot jump, is left alone.
"""

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

from infra.local.faults.layer import Layer
from infra.local.faults.trouble import Source

SERVICES = ("puller", "configurator")
OURS = ("puller", "configurator", "service")


def main(arguments: list[str]) -> int:
    """Run the service; the exit code."""
    if len(arguments) != 1 or arguments[0] not in SERVICES:
        sys.stderr.write(f"error: name one service: {' or '.join(SERVICES)}\n")
        return 2
    environment = os.environ
    layer = Layer(
        Path(environment["MM_MODELS_DIR"]).absolute(),
        Source(Path(environment["REHEARSAL_FILE"])),
        record=recorder(environment.get("REHEARSAL_RECORD", "")),
    )
    importlib.import_module(f"{arguments[0]}.app")
    shift_clock(layer.clock)
    layer.install()
    sys.argv = [arguments[0]]
    runpy.run_module(arguments[0], run_name="__main__")  # it ends by SystemExit, with the service's own code
    return 0


def shift_clock(clock: Callable[[tzinfo | None], datetime]) -> None:
    """Have every module of the services ask this clock for the time."""

    class Shifted(datetime):
        """The time as the layer tells it."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain one, as others expect it
            """Tell the time."""
            return clock(tz)

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in OURS and getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", Shifted)  # noqa: B010 - a name that the module imported


def recorder(path: str) -> Callable[[str], None]:
    """Write each name down once."""
    seen: set[str] = set()

    def record(name: str) -> None:
        if path and name not in seen:
            seen.add(name)
            with Path(path).open("a") as file:
                file.write(f"{name}\n")

    return record


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
