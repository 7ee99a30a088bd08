"""The configurator's settings."""

from pathlib import Path

import pytest

from configurator.serving.tls import Tls
from configurator.settings import ConfiguratorSettings
from service.errors import BadSettings
from service.settings import load
from tests.support.certificates import Authority


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


def test_tls_is_off_without_certificates_to_believe() -> None:
    """And then TensorFlow Serving is spoken to in the clear, as it starts by default."""
    assert load(ConfiguratorSettings, {"MM_NODE": "n1"}).serving_tls is None


def test_tls_to_tensorflow_serving_is_whole_or_refused(tmp_path: Path) -> None:
    """What is missing is named, files that hold nothing of the kind are, and a key that is another certificate's."""
    authority = Authority(tmp_path, "authority")
    client, other = authority.sign("client"), authority.sign("other")
    locked = authority.lock(client)
    ca = {"MM_NODE": "n1", "MM_SERVING_CA_FILE": str(authority.ca)}
    pair = {"MM_SERVING_CERT_FILE": str(client.cert), "MM_SERVING_KEY_FILE": str(client.key)}
    whole = load(ConfiguratorSettings, {**ca, **pair, "MM_SERVING_NAME": "serving"})
    assert whole.serving_tls == Tls(authority.ca, client.cert, client.key, "serving")
    for given, words in (
        (pair, "need MM_SERVING_CA_FILE"),
        ({"MM_SERVING_NAME": "serving"}, "need MM_SERVING_CA_FILE"),
        ({**ca, "MM_SERVING_CERT_FILE": str(client.cert)}, "need each other"),
        ({**ca, **pair, "MM_SERVING_KEY_FILE": str(other.key)}, "are no certificate and its key.*KEY_VALUES_MISMATCH"),
        ({**ca, **pair, "MM_SERVING_CERT_FILE": str(tmp_path / "none")}, "are no certificate.*No such file"),
        ({**ca, **pair, "MM_SERVING_KEY_FILE": str(locked)}, "are no certificate and its key"),
        ({"MM_SERVING_CA_FILE": str(client.key)}, "MM_SERVING_CA_FILE: .* holds no CA certificate"),
        ({**ca, "MM_SERVING_NAME": "http://x"}, "MM_SERVING_NAME"),
    ):
        with pytest.raises(BadSettings, match=words):
            load(ConfiguratorSettings, {"MM_NODE": "n1", **given})
