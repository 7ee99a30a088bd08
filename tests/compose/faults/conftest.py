"""The stack as containers. Every check starts and ends with all of it well."""

import os
from collections.abc import Iterator

import pytest

from tests.compose.breaker import Breaker
from tests.compose.containers import FILE, SMALL_DISK, Stack


@pytest.fixture(scope="session")
def stack() -> Stack:
    own = os.environ
    return Stack(own["MM_COMPOSE_PROJECT"], tuple(own["MM_COMPOSE"].split()), {}, (FILE, SMALL_DISK))


@pytest.fixture
def breaker(stack: Stack) -> Iterator[Breaker]:
    stack.wait_healthy()
    yield Breaker(stack)
    stack.wait_healthy()
