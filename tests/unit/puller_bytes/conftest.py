"""A models directory, a bucket in memory and a transfer between them."""

from pathlib import Path

import pytest
from hypothesis import settings

from service.layout import Layout
from tests.support.puller_world import World

settings.register_profile("busy", deadline=None)  # no promise about time is made on a machine shared with others
settings.load_profile("busy")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Layout(tmp_path))
