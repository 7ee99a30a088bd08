"""The configurator as a process: restarts and deaths of itself and of TensorFlow Serving, and what NATS hears."""

import asyncio
import itertools
import json
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request

import grpc
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from configurator.serving import tensors
from events import cloudevents, messages, subjects
from events.names import Version
from tests.integration.configurator.conftest import ROOT, Node
from tests.support.configurator import MODEL, NODE, write_sample
from tests.support.stack import NatsServer, eventually

AWAY = "not ready: TensorFlow Serving at {address} does not answer"  # how the answer begins
FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


def test_tensorflow_serving_starts_with_the_last_good_versions_alone(node: Node) -> None:
    """Killed and started again while no configurator runs, it serves what was confirmed last."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    node.publish(2, fail=FAILS)
    node.until(lambda: "in quarantine" in node.model().difference)
    node.kill_configurator()
    node.kill_serving()
    node.start_serving()
    node.start_configurator()
    node.until(lambda: node.model().serving == (1,))


def test_a_restart_of_tensorflow_serving_is_noticed_and_healed(bare_node: Node) -> None:
    """Labels come back, though its file does not hold them, and no tick is waited for."""
    bare_node.want(labels={"stable": 1})
    bare_node.start_serving()
    bare_node.start_configurator(poll_seconds=3600)
    bare_node.publish(1)
    bare_node.kill_configurator()
    bare_node.start_configurator(poll_seconds=3600)
    bare_node.until(lambda: bare_node.serves(1) and bare_node.model().labels == {"stable": 1})
    bare_node.kill_serving()
    bare_node.until(lambda: not bare_node.report().serving.is_connected)
    bare_node.start_serving()
    bare_node.until(lambda: bare_node.serves(1) and bare_node.model().labels == {"stable": 1})


def test_a_file_that_ends_tensorflow_serving_is_emptied(bare_node: Node) -> None:
    """A version that was good and does not load any more keeps the process from starting, until the file is empty."""
    bare_node.start_serving()
    bare_node.start_configurator(serving_lost_seconds=2)
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    bare_node.publish(2)
    bare_node.until(lambda: bare_node.serves(2))
    bare_node.kill_serving()
    shutil.rmtree(bare_node.models / "m" / "2" / "assets.extra")
    (bare_node.models / "m" / "2" / "saved_model.pb").unlink()
    (bare_node.models / "m" / "2" / "left").touch()
    bare_node.start_serving()
    bare_node.until(lambda: bare_node.serving_has_ended)
    bare_node.until(lambda: bare_node.config_file.read_text() == "model_config_list {}\n")
    bare_node.start_serving()
    bare_node.until(lambda: bare_node.model().serving == (1,))
    assert "version 2 is in quarantine" in bare_node.model().difference


def test_a_version_that_takes_the_process_down_is_found_out(node: Node) -> None:
    """After the second time it is quarantined, and the last good version serves."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    node.publish(2, crash=True)
    for _ in range(2):
        node.until(lambda: node.serving_has_ended)
        node.start_serving()
    node.until(lambda: "went away 2 times" in node.model().difference and node.model().serving == (1,))


def test_a_lying_version_is_rolled_back(node: Node) -> None:
    """Available without variables, its sample fails."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    shutil.copytree(ROOT / "tests/models/with_smoke/1", node.models / ".new")
    shutil.rmtree(node.models / ".new" / "variables")
    (node.models / ".new").rename(node.models / "m" / "2")
    node.until(lambda: "FAILED_PRECONDITION" in node.model().difference and node.model().serving == (1,))


@pytest.mark.parametrize("delay", [0.05, 0.3, 0.8, 1.4])
def test_killed_at_any_time_it_goes_on_where_it_was(bare_node: Node, delay: float) -> None:
    """Publish, swap, failure and rollback, with a configurator that is killed again and again."""
    bare_node.start_serving()
    bare_node.start_configurator()
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    write_sample(bare_node.publish(2), [2.5, 3.0])
    bare_node.publish(3, fail=FAILS)
    stop = threading.Event()
    for _ in range(3):
        stop.wait(delay)
        bare_node.kill_configurator()
        bare_node.start_configurator()
    bare_node.until(lambda: bare_node.model().serving == (2,) and "in quarantine" in bare_node.model().difference)


def test_it_stops_on_request(node: Node) -> None:
    """SIGTERM ends it cleanly, and what serves goes on serving."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    node.kill_configurator(signal.SIGTERM)
    assert '"service stopping"' in node.log()
    assert "bug" not in node.log()


def test_wrong_settings_end_it_with_one_line() -> None:
    """Exit code 2, and the variable's name."""
    command = [sys.executable, "-m", "configurator"]
    ended = subprocess.run(command, cwd=ROOT, env={"MM_RETENTION": "many"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "MM_RETENTION" in ended.stderr


def test_commands_are_answered(node: Node) -> None:
    """A reload on request, and retention without the grace time."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    request = urllib.request.Request(f"{node.url}/commands/reload", data=b"{}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
        assert json.loads(answer.read())["sentences"] == ["m: versions 1"]
    node.until(lambda: node.log().count("say again what is served") == 2)
    assert node.serves(1)


def test_without_tensorflow_serving_it_is_not_ready_and_says_so(bare_node: Node) -> None:
    """On a node without models, too: before it was ever there, while it is away, and not once it is back."""
    bare_node.start_configurator()
    bare_node.until(lambda: bare_node.readiness() == (503, AWAY.format(address=bare_node.address)))
    assert not bare_node.report().serving.is_connected
    bare_node.start_serving()
    bare_node.until(lambda: bare_node.readiness() == (200, "ready"))
    assert bare_node.report().serving.is_connected
    bare_node.kill_serving()
    bare_node.until(lambda: bare_node.readiness() == (503, AWAY.format(address=bare_node.address)))
    assert not bare_node.report().is_ready
    bare_node.start_serving()
    bare_node.until(lambda: bare_node.readiness() == (200, "ready"))


async def test_events_tell_the_story_and_hints_are_followed(bare_node: Node, nats_server: NatsServer) -> None:
    """A hint from the puller is enough; the events come in order, each once."""
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        heard.append(type(cloudevents.parse(message.data)[1]).type)

    client = Client()
    await client.connect(nats_server.url)
    await client.subscribe(f"{subjects.EVENTS}.>", cb=hear)
    await asyncio.to_thread(bare_node.start_serving)
    await asyncio.to_thread(bare_node.start_configurator, nats_url=nats_server.url, poll_seconds=3600)
    await eventually(lambda: bare_node.report().nats.is_connected and bare_node.report().is_ready)
    write_sample(bare_node.publish(1), [2.5, 3.0])
    published = messages.VersionPublished(model=MODEL, version=Version(1), files=1, bytes=1)
    source = cloudevents.Source(node=NODE, service="puller")
    data = cloudevents.render(published, source=source, event_id="1", time=bare_node.report().reported)
    await client.publish(bare_node.published_subject, data)
    await eventually(lambda: asyncio.to_thread(bare_node.serves, 1))
    expected = ["version.published", "reload.sent", "version.available", "version.served"]
    await eventually(lambda: heard == expected)
    await client.close()


def test_predictions_never_fail_through_a_swap(node: Node) -> None:
    """Clients that name no version get an answer all the time, from the old version or the new."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    stop = threading.Event()
    answers: list[list[float]] = []

    def ask() -> None:
        while not stop.is_set():
            answers.append(predict(node.address))

    asking = threading.Thread(target=ask)
    asking.start()
    node.publish(2, predict={"offset": 3.0})
    node.until(lambda: node.serves(2))
    node.publish(3, fail=FAILS)
    node.until(lambda: "in quarantine" in node.model().difference)
    stop.set()
    asking.join()
    assert [answer for answer, _ in itertools.groupby(answers)] == [[2.5], [3.5]]


def predict(address: str) -> list[float]:
    """Ask for the line at 1, without naming a version."""
    request = PredictRequest(model_spec=ModelSpec(name=MODEL), inputs={"x": tensors.build([1.0], DT_FLOAT)})
    with grpc.insecure_channel(address) as channel:
        return list(PredictionServiceStub(channel).Predict(request, timeout=10).outputs["y"].float_val)
