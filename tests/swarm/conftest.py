"""The lab that `python -m tests.swarm` started, perhaps left standing: MM_SWARM_LAB and MM_SWARM_FOLDER name it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.swarm.lab.swarm import Lab
from tests.compose import world as worlds
from tests.compose.world import World
from tests.swarm.site import Site


@pytest.fixture(scope="session")
def standing() -> Site:
    """The site as it stands, whatever state it is in."""
    return Site(Lab(os.environ["MM_SWARM_LAB"]), Path(os.environ["MM_SWARM_FOLDER"]))


@pytest.fixture
def site(standing: Site) -> Iterator[Site]:
    """The site, where all runs as ordered before and after."""
    standing.wait_whole()
    yield standing
    standing.wait_whole()


@pytest.fixture
def world(site: Site) -> Iterator[World]:
    made = site.world()
    yield made
    made.bucket.close()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A model of the test's own."""
    return worlds.new_model(request.node.originalname.removeprefix("test_")[:40].replace("_", "-"))
