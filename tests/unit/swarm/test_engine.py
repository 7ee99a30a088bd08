"""What the tool says to the engine, over a `docker` that notes it."""

from pathlib import Path

import pytest

from infra.docker.offline.shell import Failed
from infra.swarm import engine

DOCKER = """\
#!/bin/sh
echo "$@" >> {notes}
[ "$2" = ls ] && echo "{found}"
exit 0
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands of this test go."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "notes"


def answer(notes: Path, found: str) -> None:
    """Have the engine know this network."""
    program = notes.parent / "docker"
    program.write_text(DOCKER.format(notes=notes, found=found))
    program.chmod(0o700)
    notes.write_text("")


def test_the_network_of_a_node_is_a_bridge_that_the_swarm_knows(notes: Path) -> None:
    """It is made where it is missing, once; another of its name is not taken for it."""
    answer(notes, "")
    assert engine.make_node_network("mm_node")
    assert notes.read_text().splitlines()[-1] == "network create --driver=bridge --scope=swarm mm_node"
    answer(notes, "swarm bridge")
    assert not engine.make_node_network("mm_node")
    assert "create" not in notes.read_text()
    answer(notes, "swarm overlay")
    with pytest.raises(Failed, match="must be a bridge of the swarm"):
        engine.make_node_network("mm_node")
