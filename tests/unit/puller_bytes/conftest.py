"""A models directory, a bucket in memory and a transfer between them."""

from pathlib import Path

import pytest

from service.layout import Layout
from tests.support.puller_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(Layout(tmp_path))
