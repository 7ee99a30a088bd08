"""The wheel in an empty environment: with what it asks for and nothing else, it publishes, waits and looks.

What it asks for is copied from this environment, dependency by dependency, as the wheel's own words name them.
"""

import json
import os
import shutil
import subprocess
import venv
import zlib
from collections.abc import Callable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from infra.command.__main__ import build
from infra.local.stack import Stack, StackOptions
from infra.local.versions import FIRST, write_scripted
from master.cli.exits import Exit
from master.cli.main import PANELS
from service.version import __version__

MAX_PACKED_BYTES = 30_000_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model-manager`, installed by pip from the wheel alone, beside what the wheel asks for."""
    home = tmp_path_factory.mktemp("empty")
    venv.create(home / "env", with_pip=True)
    wheel = build(home / "dist")
    pip = [str(home / "env/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, timeout=120)
    packages = next((home / "env/lib").glob("python3*/site-packages"))
    for one in needed(Distribution.at(next(packages.glob("model_manager_command-*.dist-info")))).values():
        copy(one, packages)
    return home / "env/bin/model-manager"


def needed(of: Distribution) -> dict[str, Distribution]:
    """All that a distribution asks for, and what that asks for; extras where they are named."""
    found: dict[str, Distribution] = {}
    waiting = [(text, "") for text in of.requires or []]
    while waiting:
        text, extra = waiting.pop()
        asked = Requirement(text)
        if asked.marker and not asked.marker.evaluate({"extra": extra}):
            continue
        one = distribution(asked.name)
        if asked.name not in found:
            found[asked.name] = one
            waiting += [(more, "") for more in one.requires or []]
        waiting += [(more, wanted) for wanted in asked.extras for more in one.requires or []]
    return found


def copy(one: Distribution, packages: Path) -> None:
    """Copy a distribution's files, as its own record lists them."""
    for file in one.files or []:
        if ".." not in file.parts and file.suffix != ".pyc" and Path(str(one.locate_file(file))).is_file():
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(str(one.locate_file(file))), packages / file)


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(program: Path, tmp_path: Path) -> Run:
    def run_one(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
        line = [str(program), *map(str, arguments)]
        return subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run_one


def test_it_says_which_version_it_is(run: Run) -> None:
    """The same as the services."""
    assert run("--version").stdout == f"model-manager {__version__}\n"


def test_it_is_small(program: Path) -> None:
    """What pip would download, as near as compressing the files tells."""
    packages = next((program.parents[1] / "lib").glob("python3*/site-packages"))
    names = [
        path for path in packages.rglob("*") if path.is_file() and "pip" not in path.relative_to(packages).parts[0]
    ]
    packed = sum(len(zlib.compress(path.read_bytes(), 6)) for path in names if path.suffix != ".pyc")
    assert packed < MAX_PACKED_BYTES
    assert not [one for one in ("tensorflow", "grpc", "nats", "fastapi", "obstore") if (packages / one).exists()]


def test_a_model_is_published_waited_for_and_seen(
    run: Run, start_stack: Callable[[StackOptions], Stack], tmp_path: Path
) -> None:
    """From the empty environment to a node that serves it."""
    stack = start_stack(StackOptions(master=True))
    variables = {"MM_MASTER_URL": stack.master_url, "STORAGE_EMULATOR_HOST": stack.gcs_url}
    write_scripted(tmp_path)
    done = run("publish", tmp_path / str(FIRST), f"gs://{stack.bucket.name}/line/1", **variables)
    assert done.returncode == Exit.DONE, done.stderr
    waited = run("wait", "line", 1, "--timeout", "60s", **variables)
    assert waited.returncode == Exit.DONE, waited.stderr
    status = run("status", "--json", **variables)
    assert status.returncode == Exit.DONE, status.stderr
    assert [model["serving"] for model in json.loads(status.stdout)["models"]] == [[{"version": 1, "nodes": 1}]]


def test_every_command_has_its_help(run: Run) -> None:
    """All its modules are in the wheel; the help of all names them all."""
    every = {path.partition(".")[2].replace("_", "-") for paths in PANELS.values() for path in paths}
    told = run("--help")
    assert told.returncode == Exit.DONE, told.stderr
    assert not [name for name in every if name not in told.stdout]


def test_what_was_left_out_is_told_with_how_to_get_it(run: Run) -> None:
    """Pub/Sub's client comes with an extra; no traceback says so."""
    done = run(
        "bootstrap", "--project", "p", "--bucket", "b", "--topic", "uploads", STORAGE_EMULATOR_HOST="http://127.0.0.1:9"
    )
    assert done.returncode == Exit.FAILED
    assert "model-manager-command[pubsub]" in done.stderr
    assert "Traceback" not in done.stderr
