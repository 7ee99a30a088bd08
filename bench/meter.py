"""What a process uses, as the kernel counts it."""

import os
from pathlib import Path

MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Seconds of processor time the process has used, all threads together, without its children."""
    # The second field is a name in brackets that may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / _TICKS


def memory_mib(pid: int) -> float:
    """Resident memory of the process now."""
    return _status_mib(pid, "VmRSS")


def peak_memory_mib(pid: int) -> float:
    """The most resident memory the process ever had."""
    return _status_mib(pid, "VmHWM")


def _status_mib(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / MIB
    raise ProcessLookupError(f"process {pid} has ended: it has no {name}")
