"""What a process takes up, as the kernel counts it."""

import os
from pathlib import Path
from typing import Final

KIB: Final = 1024


def measure(pid: int) -> dict[str, float]:
    """Memory, threads, descriptors, and TCP connections of a process. Raises `OSError` where there is none."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")
    targets = [_target(path) for path in (folder / "fd").iterdir()]
    connected = _connected(folder / "net" / "tcp") | _connected(folder / "net" / "tcp6")
    return {
        "memory MiB": round(int(status["VmRSS"].split()[0]) / KIB, 1),
        "threads": float(status["Threads"]),
        "descriptors": float(len(targets)),
        "connections": float(sum(target in connected for target in targets)),
    }


def _target(path: Path) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - `socket:[…]` is no path
    except FileNotFoundError:
        return ""


def _connected(table: Path) -> set[str]:
    """The sockets of established connections."""
    rows = [line.split() for line in table.read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "01"}
