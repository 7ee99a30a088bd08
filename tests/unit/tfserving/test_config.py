"""What a config has to be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tensorflow_serving.config.model_server_config_pb2 import (
    TENSORFLOW,
    ModelConfig,
    ModelConfigList,
    ModelServerConfig,
)

from infra.tfserving.config import (
    ConfigError,
    check_models,
    check_platforms,
    check_routes,
    check_transition,
    platform,
    read_text,
    single_model,
)
from infra.tfserving.servable import Code
from infra.tfserving.side_configs import prometheus_path, ssl_config

EMPTY = ModelServerConfig(model_config_list=ModelConfigList())
CUSTOM = ModelServerConfig()
CUSTOM.custom_model_config.SetInParent()


def config(name: str = "a", path: str = "/a", wanted: str = "tensorflow") -> ModelConfig:
    """Return one model."""
    return ModelConfig(name=name, base_path=path, model_platform=wanted)


@pytest.mark.parametrize(
    "check",
    [
        lambda: check_models([config(), config("b", "gs://bucket/b")]),
        lambda: check_platforms([config()], [config(), config("b", wanted="caffe")]),
        lambda: check_routes([config()]),
        lambda: check_transition(ModelServerConfig(), CUSTOM),
        lambda: check_transition(CUSTOM, CUSTOM),
        lambda: check_transition(EMPTY, single_model("a", "/a")),
    ],
)
def test_good_configs_pass(check: Callable[[], None]) -> None:
    """Nothing is raised."""
    check()


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (lambda: check_models([config(), config()]), Code.INVALID_ARGUMENT),
        (lambda: check_models([config(path="a")]), Code.INVALID_ARGUMENT),
        (lambda: check_models([config(path="")]), Code.INVALID_ARGUMENT),
        (lambda: check_platforms([config()], [config(wanted="caffe")]), Code.INVALID_ARGUMENT),
        (lambda: check_platforms([config(wanted="")], []), Code.INVALID_ARGUMENT),
        (lambda: check_routes([config(wanted="caffe")]), Code.INVALID_ARGUMENT),
        (lambda: check_transition(EMPTY, ModelServerConfig()), Code.FAILED_PRECONDITION),
        (lambda: check_transition(EMPTY, CUSTOM), Code.FAILED_PRECONDITION),
    ],
)
def test_bad_configs_are_refused(check: Callable[[], None], code: Code) -> None:
    """With TensorFlow Serving's code."""
    with pytest.raises(ConfigError) as caught:
        check()
    assert caught.value.code is code


def test_the_deprecated_type_is_a_platform() -> None:
    """But not together with one."""
    assert platform(ModelConfig(name="a", model_type=TENSORFLOW)) == "tensorflow"
    with pytest.raises(ConfigError, match="Illegal setting both"):
        platform(ModelConfig(name="a", model_type=TENSORFLOW, model_platform="tensorflow"))
    with pytest.raises(ConfigError, match="not supported"):
        platform(ModelConfig(name="a", model_type=2))


@pytest.mark.parametrize(("content", "code"), [(None, Code.NOT_FOUND), ("{{{", Code.INVALID_ARGUMENT)])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: str | None, code: Code) -> None:
    """Missing or unparsable."""
    file = tmp_path / "models.config"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_text(file, ModelServerConfig())
    assert caught.value.code is code


def test_a_config_file_is_text(tmp_path: Path) -> None:
    """An empty list is not the same as no list."""
    file = tmp_path / "models.config"
    file.write_text("model_config_list {}")
    assert read_text(file, ModelServerConfig()) == EMPTY
    file.write_text("# nothing")
    assert read_text(file, ModelServerConfig()) == ModelServerConfig()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", None),
        ("prometheus_config { enable: false path: '/m' }", None),
        ("prometheus_config { enable: true path: '/m' }", "/m"),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
    ],
)
def test_the_monitoring_config_switches_the_prometheus_page_on(tmp_path: Path, text: str, path: str | None) -> None:
    """At its own path, or the official one."""
    file = tmp_path / "monitoring.config"
    file.write_text(text)
    assert prometheus_path(str(file)) == path
    assert prometheus_path("") is None


def test_the_ssl_config_holds_pem_texts(tmp_path: Path) -> None:
    """Line breaks included."""
    file = tmp_path / "ssl.config"
    file.write_text('server_key: "k\\n" server_cert: "c" client_verify: true custom_ca: "a"')
    read = ssl_config(str(file))
    assert read is not None
    assert (read.server_key, read.server_cert, read.custom_ca, read.client_verify) == ("k\n", "c", "a", True)
    assert ssl_config("") is None
