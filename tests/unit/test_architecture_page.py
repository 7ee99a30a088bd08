"""The page on the architecture leads through code that is there, and its picture is drawn from today's imports."""

import importlib
import re
from pathlib import Path

import pytest

from infra import rooms

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
WAYS: dict[str, str] = dict(
    re.findall(r"^\*\*(.+?)\*\*\n\n(.+?)\n\n", PAGE.partition("## Three ways")[2], re.DOTALL | re.MULTILINE)
)
STOP = re.compile(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)")
MOST_STOPS = 10


def test_there_are_three_ways() -> None:
    """Up, down, and across: an upload, a change, a loss."""
    assert len(WAYS) == 3


@pytest.mark.parametrize("title", WAYS)
def test_every_stop_is_there(title: str) -> None:
    """Each names a function, in the file that it links to; none is a long way."""
    lines = WAYS[title].splitlines()
    assert len(lines) <= MOST_STOPS
    for line in lines:
        stops = STOP.findall(line)
        assert stops, line
        for name, path in stops:
            module = path.removesuffix(".py").replace("/", ".")
            found: object = importlib.import_module(module)
            for part in name.removeprefix(f"{module}.").split("."):
                found = getattr(found, part)
            assert callable(found)


def test_the_picture_shows_todays_imports() -> None:
    """`make rooms` draws it anew."""
    assert rooms.render() == (ROOT / "docs" / "rooms.svg").read_text()


def test_every_room_says_what_lives_there() -> None:
    """Its first lines are what a newcomer reads first."""
    for service in rooms.SERVICES:
        for folder in (ROOT / service.replace(".", "/")).iterdir():
            if (folder / "__init__.py").exists():
                assert len((folder / "__init__.py").read_text()) > 40, folder
