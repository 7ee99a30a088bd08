"""Other programs that fetch the same files: the practical limit (`curl`, `cp`) and what people use (`gcloud`,
`rclone`).

None of them syncs what it wrote, and `curl` and `cp` check nothing.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from bench import machine
from bench.meter import MIB
from bench.testbed import BUCKET, Testbed
from events.names import ModelName

RANGE_BYTES = 32 * MIB
CONNECTIONS = 8


class PeerFailed(Exception):
    """A program we compare ourselves with did not fetch the files."""


@dataclass(frozen=True, slots=True)
class Run:
    """One fetch. CPU is of the process and its children; the peak is that of the biggest of them."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Payload:
    """A version in the bucket that all programs fetch: the sizes of its objects by file name."""

    model: ModelName
    version: int
    sizes: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes of all objects."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that puts the payload below a target folder."""

    name: str
    version: str  # empty where the program is missing
    argv: tuple[str, ...]
    target: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, expected_bytes: int) -> Run:
        """Fetch once, measure, and remove what came; raise where not all of it came."""
        self.target.mkdir()
        try:
            run = self._run()
            came = sum(path.stat().st_size for path in self.target.rglob("*") if path.is_file())
            if came != expected_bytes:
                raise PeerFailed(f"{self.name} brought {came} bytes instead of {expected_bytes}")
            return run
        finally:
            shutil.rmtree(self.target)

    def _run(self) -> Run:
        told = self.target.with_suffix(".stderr")
        with told.open("wb") as errors:
            started = time.monotonic()
            environment = {**os.environ, **self.environment}
            process = subprocess.Popen(
                self.argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
            )
            try:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                process.kill()
            seconds = time.monotonic() - started
        if process.returncode:
            raise PeerFailed(f"{self.name} ended with {process.returncode}: {told.read_text()[-500:]}")
        return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MIB)


def curl(site: Testbed, payload: Payload, folder: Path) -> Peer:
    """Eight connections; big objects in ranges of 32 MiB, each range a file of its own."""
    config, target = folder / "curl.config", folder / "curl"
    base = f"{site.gcs_url}/{BUCKET}/{payload.model}/{payload.version}"
    config.write_text("next\n".join(transfers(base, payload.sizes, target)))
    parallel = ("--parallel", "--parallel-immediate", "--parallel-max", str(CONNECTIONS))
    argv = ("curl", *parallel, "--silent", "--show-error", "--config", str(config))
    return Peer("curl", machine.first_line("curl", "--version"), argv, target, {"no_proxy": "127.0.0.1"})


def gcloud(site: Testbed, payload: Payload, folder: Path) -> Peer:
    """Google's command line, as it comes, with a configuration of its own."""
    settings = {
        "CONFIG": str(folder / "gcloud-config"),
        "AUTH_DISABLE_CREDENTIALS": "true",
        "CORE_PROJECT": "bench",
        "CORE_DISABLE_PROMPTS": "1",
        "CORE_DISABLE_USAGE_REPORTING": "true",
        "COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "API_ENDPOINT_OVERRIDES_STORAGE": f"{site.gcs_url}/storage/v1/",
    }
    environment = {f"CLOUDSDK_{name}": value for name, value in settings.items()} | {"no_proxy": "127.0.0.1"}
    target = folder / "gcloud"
    argv = ("gcloud", "storage", "cp", "-r", f"gs://{BUCKET}/{payload.model}/{payload.version}", str(target))
    version = machine.first_line("gcloud", "--version")
    return Peer("gcloud storage cp -r", version, argv, target, environment)


def rclone(site: Testbed, payload: Payload, folder: Path) -> Peer:
    """With as many files at once as curl and we have connections, and its own check of each file."""
    target = folder / "rclone"
    settings = {"TYPE": "google cloud storage", "ANONYMOUS": "true", "ENDPOINT": f"{site.gcs_url}/storage/v1/"}
    environment = {f"RCLONE_CONFIG_SITE_{name}": value for name, value in settings.items()} | {"no_proxy": "127.0.0.1"}
    source = f"site:{BUCKET}/{payload.model}/{payload.version}"
    argv = ("rclone", "copy", source, str(target), "--transfers", str(CONNECTIONS), "--config", os.devnull)
    return Peer("rclone copy", machine.first_line("rclone", "version"), argv, target, environment)


def cp(site: Testbed, payload: Payload, folder: Path) -> Peer:
    """The same bytes from disk to disk: no network, no check."""
    target = folder / "cp"
    source = site.gcs_folder / BUCKET / payload.model / str(payload.version)
    return Peer("cp -r", machine.first_line("cp", "--version"), ("cp", "-r", str(source), str(target)), target)


def transfers(base: str, sizes: Mapping[str, int], target: Path) -> Iterator[str]:
    """One paragraph of curl's configuration for each range."""
    for name, size in sizes.items():
        for start in range(0, max(size, 1), RANGE_BYTES):
            end = min(start + RANGE_BYTES, size) - 1
            lines = [f'url = "{base}/{quote(name)}"', f'output = "{target / name}.{start}"', "create-dirs", "fail"]
            lines += [f'range = "{start}-{end}"'] if size > RANGE_BYTES else []
            yield "\n".join(lines) + "\n"
