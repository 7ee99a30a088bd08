"""The compatible server with TensorFlow, as a child process."""

from pathlib import Path

import pytest

from infra.local.programs import tensorflow_python


@pytest.fixture(scope="session")
def python_with_tensorflow() -> str:
    """Return the interpreter that has TensorFlow."""
    found = tensorflow_python()
    assert found, "the environment with TensorFlow is missing; run `make setup`"
    return str(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the module's server."""
    return tmp_path_factory.mktemp("serving")
