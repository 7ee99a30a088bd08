"""Paths mean what they mean to the official server."""

import pytest

from infra.tfserving.rest.paths import Target, is_ours, parse_target
from infra.tfserving.servable import Code, RequestFailure


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/v1/models", Target("status", "", None, None)),
        ("GET", "/v1/models/m", Target("status", "m", None, None)),
        ("GET", "/V1/Models/M", Target("status", "M", None, None)),
        ("GET", "/v1/models/m/versions/007", Target("status", "m", 7, None)),
        ("GET", "/v1/models/m/labels/stable", Target("status", "m", None, "stable")),
        ("GET", "/v1/models/m/metadata", Target("metadata", "m", None, None)),
        ("GET", "/v1/models/m/METADATA", Target("status", "m", None, None)),
        ("GET", "/v1/models/m/versions/1/metadata", Target("metadata", "m", 1, None)),
        ("GET", "/v1/models/m?x=1", Target("status", "m?x=1", None, None)),
        ("GET", "/v1/models/a%20b", Target("status", "a b", None, None)),
        ("POST", "/v1/models/m:predict", Target("predict", "m", None, None)),
        ("POST", "/v1/models/m/versions/1:classify", Target("classify", "m", 1, None)),
        ("POST", "/v1/MODELS/m/LABELS/L%2F1:regress", Target("regress", "m", None, "L/1")),
    ],
)
def test_a_path_names_a_model_and_what_is_wanted_of_it(method: str, path: str, target: Target) -> None:
    """Case does not matter in a path, names are percent-decoded, the query belongs to the name."""
    assert parse_target(method, path) == target


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/m/versions/x"),
        ("GET", "/v1/models/m/versions/-1"),
        ("GET", "/v1/models/m/versions/٣"),
        ("GET", "/v1/models/m/"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:explain"),
        ("PUT", "/v1/models/m"),
        ("DELETE", "/v1/models/m"),
    ],
)
def test_other_paths_are_malformed_requests(method: str, path: str) -> None:
    """The message repeats the request, as clients of the official server know it."""
    with pytest.raises(RequestFailure) as caught:
        parse_target(method, path)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, f"Malformed request: {method} {path}")


def test_a_version_beyond_int64_is_refused() -> None:
    """Such a version cannot exist."""
    with pytest.raises(RequestFailure, match=r"Failed to convert version: 9223372036854775808 to numeric\."):
        parse_target("GET", "/v1/models/m/versions/9223372036854775808")


def test_only_paths_under_v1_belong_to_the_api() -> None:
    """The rest of the port may hold other pages."""
    assert is_ours("/V1/anything")
    assert not is_ours("/v2/models")
    assert not is_ours("/v1")
