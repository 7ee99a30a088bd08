"""From an upload to a published version, with real servers on all sides."""

import random

import pytest

from tests.integration.puller.conftest import TINY_MODEL, World, read_tree, render_manifest
from tests.support.stack import eventually


async def test_an_upload_with_manifest_is_published(world: World) -> None:
    """A version appears on disk, byte for byte and without its manifest, with nothing else to do."""
    puller = world.start_puller()
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == read_tree(TINY_MODEL / "1")


async def test_an_upload_without_manifest_is_published_after_settling(world: World) -> None:
    """Without a manifest the graph says what must be there, and the version is taken when nothing changes any more."""
    puller = world.start_puller()
    world.upload(1, with_manifest=False)
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == read_tree(TINY_MODEL / "1")
