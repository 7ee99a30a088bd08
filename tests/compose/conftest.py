"""What the checks share."""

from collections.abc import Iterator

import pytest

from tests.compose import world as worlds
from tests.compose.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = worlds.from_environment()
    yield made
    made.bucket.close()


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A model of the test's own."""
    return worlds.new_model(request.node.originalname.removeprefix("test_")[:40].replace("_", "-"))
