"""Without TensorFlow the loader says so."""

import pytest

from infra.tfserving.servable import LoaderOptions
from infra.tfserving.tensorflow_loader import open_loader
from infra.tfserving.tensorflow_runtime import TensorFlowMissing


def test_an_environment_without_tensorflow_is_refused_with_what_to_do() -> None:
    """Whoever starts the server in the services' environment learns which one to take."""
    with pytest.raises(TensorFlowMissing, match="start the server with the environment that has it"):
        open_loader(LoaderOptions())
