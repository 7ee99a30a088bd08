"""No file that starts TensorFlow Serving gives it fewer threads than a load takes: it aborts where it cannot have them.

The numbers are those of docs/operations.md.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
BESIDE_LOADS = 1000
OF_A_LOAD = 256
FILES = ("docker-compose.yml", "infra/swarm/stack.yml")
FLAGS = ["--model_config_file=/models/models.config", "--num_load_threads=2"]


def servers(file: str) -> Iterator[tuple[str, dict[str, object]]]:
    """The services of a file that run TensorFlow Serving."""
    for name, one in yaml.safe_load((ROOT / file).read_text())["services"].items():
        if any(str(word).startswith("--num_load_threads") for word in one.get("command") or ()):
            yield name, one


def least(one: dict[str, object]) -> int:
    """So many threads its loads may take at once, with all else it does."""
    words = one["command"]
    assert isinstance(words, list)
    threads = next(word.partition("=")[2] for word in words if word.startswith("--num_load_threads="))
    return BESIDE_LOADS + OF_A_LOAD * max(1, int(threads))


def limits(one: object) -> list[int]:
    """All limits of processes that a service sets, wherever they stand: `pids_limit`, `pids`, `nproc`."""
    if not isinstance(one, dict):
        return []
    found = []
    for name, value in one.items():
        if name in {"pids_limit", "pids", "nproc"}:
            numbers = value.values() if isinstance(value, dict) else [value]
            found += [int(number) for number in numbers if int(number) >= 0]
        else:
            found += limits(value)
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_server_may_have_the_threads_of_its_loads(file: str) -> None:
    """Each file starts one at least, and limits none of them below what its own flags ask for."""
    found = dict(servers(file))
    assert found
    assert {name: limits(one) for name, one in found.items() if any(most < least(one) for most in limits(one))} == {}


@pytest.mark.parametrize(
    "limited",
    [
        {"pids_limit": 1511},
        {"ulimits": {"nproc": 1511}},
        {"ulimits": {"nproc": {"soft": 1511, "hard": 5000}}},
        {"deploy": {"resources": {"limits": {"pids": 1511}}}},
    ],
)
def test_a_limit_is_found_wherever_it_stands(limited: dict[str, object]) -> None:
    """In the words of compose files and of stack files; no limit is one as well."""
    one = {"command": FLAGS, **limited}
    assert min(limits(one)) == least(one) - 1
    assert limits({"command": FLAGS, "pids_limit": -1}) == []


def test_the_numbers_are_those_of_the_page() -> None:
    """Operators set the limit by it."""
    assert f"{BESIDE_LOADS:,} + {OF_A_LOAD} " in (ROOT / "docs/operations.md").read_text()
