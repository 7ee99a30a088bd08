"""The pages of every service answer inside the cluster, and the containers are as locked as they say."""

import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.compose.world import World

PORTS = {"puller": 8001, "configurator": 8002}
SERVICES = [(f"{service}-{node}", port) for node in ("node-a", "node-b") for service, port in PORTS.items()]
SERVICES.append(("master", 8000))


@pytest.mark.parametrize("page", ["/livez", "/readyz", "/status", "/metrics"])
@pytest.mark.parametrize(("host", "port"), SERVICES)
def test_page_answers(host: str, port: int, page: str) -> None:
    """Each service answers each page with 200."""
    with urllib.request.urlopen(f"http://{host}:{port}{page}", timeout=30) as response:
        assert response.status == 200
        assert response.read()


def test_root_is_read_only() -> None:
    """Nothing can be written beside the volumes and /tmp."""
    with pytest.raises(OSError, match="Read-only"):
        Path("/app/written").write_text("no")


def test_there_are_no_rights_left() -> None:
    """The process is nobody special, and can become nobody special."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["10001"] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_command_line_tool_works_from_the_image(world: World) -> None:
    """`model-manager` in the services' image talks to the master."""
    done = subprocess.run(["model-manager", "nodes"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert all(node in done.stdout for node in world.nodes)
