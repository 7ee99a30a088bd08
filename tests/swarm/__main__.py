"""`make swarm-test`: a swarm of three nodes from nothing, model.manager on it, the checks, and nothing left of it.

With `--keep` the lab stays, and what is printed lets the checks be run again, one by one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from infra.docker.offline import engine, images
from infra.docker.offline.shell import Failed, answers, run
from infra.swarm.lab.swarm import Lab
from tests.support.timed import timed
from tests.swarm.site import ROOT, SERVICES, TFSERVING, Site

BASE_IMAGE = "debian:bookworm-slim"

_timed = partial(timed, "swarm-test")
PULL_SECONDS = 300.0
BASE_IMAGES = ("debian", "python", "nats-alpine", "fake-gcs-server", "google-cloud-cli")
IMAGES = (f"{SERVICES}:dev", f"{TFSERVING}:dev", "nats:2.15.1-alpine")
DOCKERFILE = "infra/docker/Dockerfile"


def main() -> int:
    """Run all; the exit code."""
    given = _parser().parse_args()
    was_running = engine.is_running()
    site = Site(Lab(f"mm-swarm-test-{os.getpid()}"), Path(tempfile.mkdtemp(prefix="mm-swarm-test-")))
    try:
        with _timed("engine and images"):
            _prepare()
        return _test(site, keep=given.keep, checks=given.checks)
    except (Failed, AssertionError) as error:
        sys.stdout.write(f"swarm-test failed: {error}\n")
        return 1
    finally:
        if not was_running and not given.keep:
            engine.stop()


def _prepare() -> None:
    """Have an engine and every image."""
    if not engine.is_running():
        engine.start()
    if not answers(["docker", "pull", "--quiet", BASE_IMAGE], seconds=PULL_SECONDS):
        images.build(BASE_IMAGES)
    images.build_tfserving(f"{TFSERVING}:dev")
    command = ["docker", "build", "-f", DOCKERFILE, "--target", "services", "--tag", f"{SERVICES}:dev", "."]
    run(command, environment=images.CLASSIC, folder=ROOT)


def _test(site: Site, *, keep: bool, checks: list[str]) -> int:
    try:
        with _timed("three nodes"):
            site.lab.up(3)
        with _timed("images on each node"):
            site.lab.load(IMAGES)
        site.prepare()
        with _timed("deploy"):
            done = site.deploy()
            sys.stdout.write(done.said)
            if done.code:
                raise Failed("the first deployment failed")
        site.world().bucket.create()
        with _timed("checks"):
            return _check(site, checks)
    finally:
        if keep:
            sys.stdout.write(
                f"swarm-test: MM_SWARM_LAB={site.lab.name} MM_SWARM_FOLDER={site.folder} is left standing\n"
            )
        else:
            with _timed("down"):
                site.lab.down()
            shutil.rmtree(site.folder)


def _check(site: Site, checks: list[str]) -> int:
    options = ["-c", "tests/swarm/pytest.ini", "--durations=0", "-v", *(["-k", " or ".join(checks)] if checks else [])]
    own = {"MM_SWARM_LAB": site.lab.name, "MM_SWARM_FOLDER": str(site.folder)}
    command = [sys.executable, "-m", "pytest", *options, "tests/swarm"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.swarm", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the lab standing")
    parser.add_argument("checks", nargs="*", help="only checks with these words in their names")
    return parser


if __name__ == "__main__":
    sys.exit(main())
