"""Every program says which version it is, from the one place."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.version import SAID

ROOT = Path(__file__).parents[2]
PROGRAMS = (
    *("puller", "configurator", "master", "master.cli", "infra.command", "infra.gcp.cost", "infra.local"),
    *("infra.local.faults", "infra.local.pubsub", "infra.nats.backup", "infra.nats.streams", "infra.nats.users"),
    *("infra.swarm", "infra.swarm.lab", "infra.tfserving", "bench"),
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_says_which_version_it_is(program: str) -> None:
    """`--version` asks for no settings, no server and no folder."""
    done = subprocess.run(
        [sys.executable, "-m", program, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{SAID}\n")


def test_no_program_is_left_out() -> None:
    """All that are run as `python -m FOLDER`, but what tests alone run."""
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("*/**/__main__.py")}
    found |= {path.parent.name for path in ROOT.glob("*/__main__.py")}
    own = {name for name in found if name.partition(".")[0] in {"puller", "configurator", "master", "infra", "bench"}}
    assert own - {"infra.docker.offline"} <= set(PROGRAMS)
