"""The documents that others build clients from: current, whole, and without loose ends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from master.api import openapi
from master.commands import asyncapi

DOCS = Path(__file__).parents[3] / "docs"
SIGNING = {"post /v1/session", "delete /v1/session"}  # nobody needs to be known for it
Schema = dict[str, "Schema"]  # a document, as far as these tests look into it


def operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_the_document_in_docs_is_the_one_the_code_makes(name: str) -> None:
    """`python -m master.api.openapi > docs/openapi.json` and `master.commands.asyncapi` write them anew."""
    render = {"openapi": openapi.render, "asyncapi": asyncapi.render}[name]
    assert (DOCS / f"{name}.json").read_text() == render()


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(name: str) -> None:
    """No schema is named that is not there, and none is there that nobody names."""
    text = (DOCS / f"{name}.json").read_text()
    document = json.loads(text)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        place = document
        for part in reference.split("/"):
            place = place[part]
    named = set(re.findall(r"#/components/schemas/([^\"]+)", text))
    assert named == set(document["components"]["schemas"])


def test_every_operation_says_what_it_does_and_who_may() -> None:
    """Each has a name of its own, a tag, words, an example of its answer, its problems, and the token it needs."""
    document = cast("Schema", json.loads(openapi.render()))
    found = dict(operations(document))
    assert len({str(operation["operationId"]) for operation in found.values()}) == len(found)
    for name, operation in found.items():
        assert operation["tags"], name
        assert operation["summary"], name
        if " /v1/" not in name:
            continue
        assert operation.get("security") or name in SIGNING, name
        assert operation["description"], name
        assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), name
        if "204" not in operation["responses"]:
            (content,) = operation["responses"]["200"]["content"].values()
            assert content["example"], name
        if name.startswith(("post", "put")):
            assert operation["requestBody"]["content"]["application/json"]["examples"], name


def test_every_command_and_event_is_in_the_asyncapi_document() -> None:
    """Subjects are those the services listen on; commands are answered."""
    document = json.loads(asyncapi.render())
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert "mm.v1.cmd.{node}.puller.sync" in addresses
    assert "mm.v1.cmd._all.configurator.reload" in addresses
    assert "mm.v1.cmd._cluster.master.rollback" in addresses
    assert "mm.v1.event.{node}.configurator.version.served.{model}.{version}" in addresses
    answered = [name for name, operation in document["operations"].items() if "reply" in operation]
    assert answered == [name for name in document["operations"] if name.startswith("command.")]
