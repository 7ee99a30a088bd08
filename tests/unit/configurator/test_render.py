"""Configs as TensorFlow Serving reads them."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator.serving import render
from configurator.serving.applied_config import Entry
from events.names import ModelName, Version

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).map(ModelName)
some_versions = st.frozensets(st.integers(0, 2**63 - 1).map(Version), min_size=1, max_size=4)


def base_path(model: ModelName) -> Path:
    return Path("/models") / model


@given(st.dictionaries(names, some_versions, max_size=4))
def test_what_is_written_is_read_back(models: dict[ModelName, frozenset[Version]]) -> None:
    """The file is its own record."""
    assert render.parse(render.text(models, base_path), base_path) == models


def test_no_model_is_an_empty_list_and_not_an_empty_file() -> None:
    """An unset config would leave TensorFlow Serving without a watcher (D1)."""
    assert render.text({}, base_path) == b"model_config_list {}\n"
    assert render.message({}).WhichOneof("config") == "model_config_list"


def test_every_entry_names_platform_path_and_versions() -> None:
    """An entry without platform would make every later reload fail."""
    entry = Entry(frozenset({Version(2), Version(1)}), {"stable": Version(1)})
    (model,) = [render.model(ModelName("m"), entry, base_path(ModelName("m")))]
    assert model.model_platform == "tensorflow"
    assert model.base_path == "/models/m"
    assert list(model.model_version_policy.specific.versions) == [1, 2]
    assert dict(model.version_labels) == {"stable": 1}


def test_the_file_has_no_labels() -> None:
    """A label to what is not loaded yet would end the start."""
    text = render.text({ModelName("m"): frozenset({Version(1)})}, base_path).decode()
    assert not text_format.Parse(text, ModelServerConfig()).model_config_list.config[0].version_labels


@pytest.mark.parametrize("data", [b"model_config_list {", b"\xff\xfe", b"something: else"])
def test_a_broken_file_is_an_error(data: bytes) -> None:
    """With the parser's words."""
    with pytest.raises(render.BadConfig):
        render.parse(data, base_path)


@pytest.mark.parametrize(
    "entry",
    [
        'name: "../x" base_path: "/models/../x" model_version_policy { specific { versions: 1 } }',
        'name: "m" base_path: "/elsewhere/m" model_version_policy { specific { versions: 1 } }',
        'name: "m" base_path: "/models/m" model_version_policy { latest { num_versions: 1 } }',
        'name: "m" base_path: "/models/m" model_version_policy { specific { versions: -1 } }',
    ],
)
def test_entries_of_others_are_left_out(entry: str) -> None:
    """Only what this configurator could have written counts."""
    assert render.parse(f"model_config_list {{ config {{ {entry} }} }}".encode(), base_path) == {}
