"""The estimate of Google's bill, and that the guide shows what it says."""

import shlex
from pathlib import Path

import pytest

from infra.gcp import cost
from infra.gcp.cost import Load, Prices
from puller.access import Access
from puller.bucket import Bucket

GUIDE = Path(__file__).parents[3] / "docs" / "google-cloud.md"


def test_it_can_be_recomputed_by_hand() -> None:
    """Round numbers in, round numbers out, as the guide's formulas have it."""
    load = Load(nodes=10, models=9, uploads=10, files=8, gib=2, poll=864, linked=0.5)
    lines = {line.what: (line.amount, round(line.dollars, 6)) for line in cost.estimate(load, Prices())}
    assert lines == {
        "lists by polls": (10 * 10 * 100 * 30, 1.5),
        "lists after uploads": (300 * 10 * 10, 0.15),
        "uploads": (300 * 8, 0.012),
        "reads": (300 * 10 * 8 + 3000 * 32, 0.048),
        "Pub/Sub": (300 * 8 * 11 * 1000 / 1024**2, 0.0),
        "bytes to the nodes": (3000, 360.0),
    }


def test_pubsub_is_charged_behind_what_is_free() -> None:
    """The first 10 GiB of a month cost nothing."""
    busy = Load(nodes=1000, uploads=1000, files=100)
    (line,) = (line for line in cost.estimate(busy, Prices()) if line.what == "Pub/Sub")
    assert line.dollars == pytest.approx((3_000_000 * 1001 * 1000 - 10 * 1024**3) / 1024**4 * 40)


async def test_a_poll_lists_as_often_as_it_is_said_to() -> None:
    """One list of the bucket's folders, and one of each model's."""
    client = CountingClient([f"model-{number}/" for number in range(7)])
    reach = CountingAccess(client)
    assert len((await Bucket("models", prefix="", access=reach).catalog()).models) == 7
    reach.close()
    assert client.lists == 1 + 7


def test_the_guide_shows_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tables can be had by the commands above them."""
    guide = GUIDE.read_text()
    commands = [line.strip() for line in guide.splitlines() if line.strip().startswith("python -m infra.gcp.cost")]
    assert len(commands) >= 2
    for command in commands:
        assert cost.main(shlex.split(command)[3:]) == 0
        assert capsys.readouterr().out in guide


class CountingClient:
    """Google's client, as far as listing goes; every folder holds version 1."""

    def __init__(self, folders: list[str]) -> None:
        self._folders = folders
        self.lists = 0

    def list_blobs(self, _bucket: str, *, prefix: str, **_options: object) -> object:
        self.lists += 1
        return Pages({f"{prefix}1/"} if prefix else set(self._folders))


class Pages(list[object]):
    def __init__(self, prefixes: set[str]) -> None:
        self.prefixes = prefixes


class CountingAccess(Access):
    """Reaches nothing but the client given."""

    def __init__(self, client: CountingClient) -> None:
        super().__init__(emulator="nowhere")
        self._client = client

    @property
    def client(self) -> CountingClient:  # stands for Google's
        return self._client
