"""REST in the services' environment, over scripted loads."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.serving import DEADLINE_SECONDS, Serving, model, serving, until, write_version


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Serving]:
    """Serve two scripted versions, one with a label."""
    write_version(folder / "m", 1, {"offset": 10.0})
    write_version(folder / "m", 2, {"offset": 20.0})
    with serving(folder, "--rest_api_port=-1", "--num_load_threads=2") as running:
        running.reload(model("m", folder / "m", versions=[1, 2]))
        until(lambda: running.status("m") == {1: (30, 0), 2: (30, 0)}, what="both versions are available")
        running.reload(model("m", folder / "m", versions=[1, 2], labels={"stable": 1}))
        yield running


def url(server: Serving, path: str) -> str:
    """Return the address of a model."""
    return f"http://127.0.0.1:{server.rest_port}/v1/models/{path}"


@pytest.mark.parametrize(
    ("path", "answer"),
    [("m:predict", 20.5), ("m/versions/1:predict", 10.5), ("m/labels/stable:predict", 10.5), ("M:predict", None)],
)
def test_versions_and_labels_choose_who_answers(server: Serving, path: str, answer: float | None) -> None:
    """As over gRPC; the model's name keeps its case."""
    reply = httpx.post(url(server, path), json={"instances": [1.0]}, timeout=DEADLINE_SECONDS)
    if answer is None:
        assert (reply.status_code, reply.json()) == (404, {"error": "Servable not found for request: Latest(M)"})
    else:
        assert (reply.status_code, reply.json()) == (200, {"predictions": [answer]})


def test_metadata_follows_a_label_and_the_status_does_not(server: Serving) -> None:
    """A quirk of the official server: the status of a label lists all versions."""
    metadata = httpx.get(url(server, "m/labels/stable/metadata"), timeout=DEADLINE_SECONDS).json()
    status = httpx.get(url(server, "m/labels/stable"), timeout=DEADLINE_SECONDS).json()
    assert metadata["model_spec"]["version"] == "1"
    assert [line["version"] for line in status["model_version_status"]] == ["2", "1"]


def test_a_version_that_does_not_exist_is_not_found(server: Serving) -> None:
    """The words name what was asked for."""
    reply = httpx.get(url(server, "m/versions/9"), timeout=DEADLINE_SECONDS)
    assert (reply.status_code, reply.json()) == (404, {"error": "Could not find version 9 of model m"})


def test_a_request_that_hangs_is_given_up_after_the_flags_time(tmp_path: Path) -> None:
    """The client gets 504."""
    base_path = tmp_path / "m"
    write_version(base_path, 1, {"predict_wait_for": str(tmp_path / "never")})
    flags = ("--rest_api_port=-1", "--rest_api_timeout_in_ms=50", "--model_name=m", f"--model_base_path={base_path}")
    with serving(tmp_path, *flags) as running:
        reply = httpx.post(url(running, "m:predict"), json={"instances": [1.0]}, timeout=DEADLINE_SECONDS)
    assert (reply.status_code, reply.json()) == (504, {"error": "Timed out waiting for notification"})
