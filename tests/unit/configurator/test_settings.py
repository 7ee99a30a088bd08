"""The configurator's settings."""

from pathlib import Path

import pytest

from configurator.settings import ConfiguratorSettings
from service.errors import BadSettings
from service.settings import load


def test_the_defaults_are_those_of_the_interface() -> None:
    """Others drive the service by them."""
    settings = load(ConfiguratorSettings, {"MM_NODE": "n1"})
    assert settings.http_port == 8002
    assert settings.poll_seconds == 15
    assert settings.retention == 2
    assert settings.serving_address == "127.0.0.1:8500"
    assert settings.config_file == Path("/models/models.config")


def test_the_file_can_be_elsewhere() -> None:
    """TensorFlow Serving may be started with any path."""
    settings = load(ConfiguratorSettings, {"MM_NODE": "n1", "MM_MODEL_CONFIG_FILE": "/etc/models.config"})
    assert settings.config_file == Path("/etc/models.config")


@pytest.mark.parametrize(
    "variable", ["MM_RETENTION", "MM_GRACE_SECONDS", "MM_POLL_SECONDS", "MM_HTTP_PORT", "MM_RESERVE_MIB"]
)
def test_a_wrong_setting_is_named(variable: str) -> None:
    """One line says which."""
    with pytest.raises(BadSettings, match=variable):
        load(ConfiguratorSettings, {"MM_NODE": "n1", variable: "-1"})
