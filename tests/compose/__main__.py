"""`make compose-test`: everything from nothing, and nothing left of it.

Engine if none answers, images, up, fill, the checks inside the `tests` container, the fault checks beside it, down. The
exit code is that of the first part that failed. Images stay, so that the next run is quick.
"""

import argparse
import os
import subprocess
import sys
from functools import partial

from infra.docker.offline import engine, images
from infra.docker.offline.shell import Failed, answers
from tests.compose import leftovers
from tests.compose.containers import FILE, ROOT, SMALL_DISK, Stack, StackFailed, environment, find_compose
from tests.support.timed import timed

TFSERVING = "model-manager/tfserving:dev"
BASE_IMAGE = "python:3.11-slim-bookworm"
PULL_SECONDS = 300.0
BASE_IMAGES = ("python", "nats-alpine", "fake-gcs-server", "google-cloud-cli")
FILL = "fill_remote_directory_with_models"

_timed = partial(timed, "compose-test")


def main() -> int:
    """Run all; the exit code."""
    given = _parser().parse_args()
    was_running = engine.is_running()
    try:
        with _timed("engine and images"):
            _prepare()
        compose = tuple(given.compose.split()) if given.compose else find_compose()
        stack = Stack(leftovers.project(os.getpid()), compose, environment(image=TFSERVING), (FILE, SMALL_DISK))
        return _test(stack, faults=given.faults)
    except (Failed, StackFailed) as error:
        sys.stdout.write(f"compose-test failed: {error}\n")
        return 1
    finally:
        if not was_running:
            engine.stop()


def _prepare() -> None:
    """Have an engine and every image that `up` does not build itself."""
    if not engine.is_running():
        engine.start()
    for name in leftovers.sweep():
        sys.stdout.write(f"compose-test: removed what a killed run left: {name}\n")
    if not answers(["docker", "pull", "--quiet", BASE_IMAGE], seconds=PULL_SECONDS):
        images.build(BASE_IMAGES)
    images.build_tfserving(TFSERVING)


def _test(stack: Stack, *, faults: bool) -> int:
    try:
        with _timed("up, healthy"):
            stack.must("up", "--build", "-d")
            stack.wait_healthy()
            stack.must("build", FILL)  # `run` would take an image of an older checkout, if one is there
        with _timed("fill"):
            stack.must("run", "--rm", FILL, is_quiet=False)
        with _timed("checks inside"):
            code = stack.run("run", "--rm", "tests", is_quiet=False)
        if faults and not code:
            with _timed("fault checks"):
                code = _check_faults(stack)
        if code:
            stack.show_logs()
        return code
    finally:
        with _timed("down"):
            stack.run("--profile", "fill", "--profile", "tests", "down", "--volumes", "--remove-orphans", "-t", "5")


def _check_faults(stack: Stack) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        "tests/compose/pytest.ini",
        "tests/compose/faults",
        "--durations=5",
    ]
    own = {"MM_COMPOSE_PROJECT": stack.project, "MM_COMPOSE": " ".join(stack.compose)}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **stack.environment, **own}, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--compose", help='"docker-compose" or "docker compose"; default: the first that is there')
    parser.add_argument("--no-faults", dest="faults", action="store_false", help="only up, fill, checks inside, down")
    return parser


if __name__ == "__main__":
    sys.exit(main())
