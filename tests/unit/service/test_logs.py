"""Logs: one line an entry, whatever the values hold."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from service import logs


@contextmanager
def captured(style: Literal["json", "text"]) -> Iterator[io.StringIO]:
    """Logs of the package `puller`, as text."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.configure(style, "info")
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    output = io.StringIO()
    handler.setStream(output)
    try:
        yield output
    finally:
        root.handlers, root.level = before


def test_json_line_holds_message_and_fields() -> None:
    """Machines find the constant message and each field by name."""
    with captured("json") as output:
        logs.get("puller.x").info("version published", model="m", version=3)
    line = json.loads(output.getvalue())
    assert (line["message"], line["model"], line["version"], line["level"]) == ("version published", "m", 3, "info")


def test_value_from_outside_cannot_forge_a_line() -> None:
    """A newline in a value stays inside the value."""
    with captured("text") as output:
        logs.get("puller.x").warning("object ignored", object="a\n12:00 INFO forged")
    assert output.getvalue().count("\n") == 1


def test_level_applies_to_our_own_logs() -> None:
    """Below the level nothing is written."""
    with captured("text") as output:
        logs.get("puller.x").debug("noise")
    assert output.getvalue() == ""
