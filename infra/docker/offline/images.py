"""The base images, each under the names that ordinary Dockerfiles and compose files use.

An image is left alone while it is there and its recipe, what it is made of and the machine's settings are the same. A
label holds a hash of these.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from infra.docker.offline import machine, programs, roots
from infra.docker.offline.shell import Failed, answers, run, say

RECIPES = Path(__file__).with_name("recipes")
STAMP = "model-manager.offline"
CLASSIC: Final = {"DOCKER_BUILDKIT": "0"}  # the builder that takes local base images as they are, on any engine
TAGS: Final[dict[str, tuple[str, ...]]] = {
    "debian": ("debian:bookworm-slim",),
    "python": ("python:3.11-slim-bookworm", "python:3.11-slim"),
    "nats": ("nats:2", "nats:latest"),
    "nats-alpine": ("nats:2.15.1-alpine", "nats:2-alpine", "nats:alpine"),
    "fake-gcs-server": ("fsouza/fake-gcs-server:latest",),
    "google-cloud-cli": ("gcr.io/google.com/cloudsdktool/google-cloud-cli:emulators",),
    "tfserving": ("model-manager/tfserving:dev", "tensorflow/serving:2.19.0"),
}
CHECKOUT = Path(__file__).resolve().parents[3]
ON_DEBIAN = frozenset({"debian", "python", "google-cloud-cli"})


def build(names: Sequence[str], *, is_forced: bool = False) -> None:
    """Build the named images, or all, where they are missing or out of date."""
    if unknown := sorted(set(names) - TAGS.keys()):
        raise Failed(f"there is no image {unknown[0]!r} here; there are {', '.join(TAGS)}")
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings"
        machine.write_settings(settings)
        for name in names or TAGS:
            if name == "tfserving":
                build_tfserving(*TAGS[name])
                continue
            stamp = _stamp(name, settings)
            if not is_forced and all(label(tag) == stamp for tag in TAGS[name]):
                say(f"{TAGS[name][0]} is there")
                continue
            started = time.monotonic()
            _build(name, Path(folder) / name, settings=settings, stamp=stamp)
            say(f"{TAGS[name][0]} built in {time.monotonic() - started:.0f} s")


def label(tag: str) -> str:
    """The stamp an image was built with; empty where it is not there, or is somebody else's."""
    if not answers(["docker", "image", "inspect", tag]):
        return ""
    return run(["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{STAMP}"}}}}', tag]).strip()


def _build(name: str, context: Path, *, settings: Path, stamp: str) -> None:
    shutil.copytree(RECIPES / name, context)
    if name in ON_DEBIAN:
        _import(roots.DEBIAN, roots.debian_stamp(), roots.make_debian)
        shutil.copytree(settings, context / "settings")
    if name in {"nats-alpine", "fake-gcs-server"}:
        _import(roots.BUSYBOX, "1", roots.make_busybox)
    if name in programs.WHEELS:
        programs.take(name, target=context)
    if name == "google-cloud-cli":
        programs.copy_emulator(context / "pubsub-emulator")
    for path in context.rglob("*"):
        os.utime(path, (0, 0), follow_symlinks=False)  # the builder's cache shall see content, not times
    tags = [word for tag in TAGS[name] for word in ("--tag", tag)]
    # On the host's network the build reaches what the machine itself reaches.
    run(
        ["docker", "build", "--network=host", "--label", f"{STAMP}={stamp}", *tags, context],
        environment=CLASSIC,
    )


def build_tfserving(*names: str) -> None:
    """Build the compatible server under these names; the builder's cache makes it quick where nothing changed."""
    started = time.monotonic()
    tags = [word for tag in names for word in ("--tag", tag)]
    run(
        ["docker", "build", "-f", "infra/docker/Dockerfile.tfserving", *tags, "."], environment=CLASSIC, folder=CHECKOUT
    )
    say(f"{names[0]} is up to date after {time.monotonic() - started:.0f} s")


def _import(tag: str, stamp: str, make: Callable[[Path], None]) -> None:
    """Have a root file system as an image."""
    if label(tag) == stamp:
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        make(archive)
        if not archive.exists():
            raise Failed(f"{tag} was not made")
        run(["docker", "import", "--change", f"LABEL {STAMP}={stamp}", archive, tag])


def _stamp(name: str, settings: Path) -> str:
    """Hash what an image is made of."""
    parts = [file.read_bytes() for file in _files(RECIPES / name)]
    if name in ON_DEBIAN:
        parts += [roots.debian_stamp().encode(), *(file.read_bytes() for file in _files(settings))]
    if name in programs.WHEELS:
        parts.append(programs.lock_of(name).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
