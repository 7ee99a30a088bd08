"""Every trap of TensorFlow Serving that a deployment controller can fall into, against the compatible server.

The numbers are those of the table of traps in docs/architecture.md.
"""

import shutil
import threading

import grpc
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from tests.integration.configurator.conftest import FLAGS, PATIENCE_SECONDS, Node
from tests.support.configurator import write_sample

FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


def ask(address: str, model: str) -> None:
    """Send a request that takes as long as the model's script says."""
    request = PredictRequest(model_spec=ModelSpec(name=model))
    request.inputs["x"].CopyFrom(TensorProto(dtype=DT_FLOAT, float_val=[1.0]))
    with grpc.insecure_channel(address) as channel:
        PredictionServiceStub(channel).Predict(request, timeout=PATIENCE_SECONDS)


def test_d1_a_first_model_that_fails_can_be_served_later(bare_node: Node) -> None:
    """TensorFlow Serving first gets an empty list, so that a failed first model does not block its own return."""
    bare_node.config_file.unlink()
    bare_node.publish(1, fail={**FAILS, "times": 1})
    bare_node.start_configurator()
    bare_node.until(bare_node.config_file.exists)
    assert bare_node.config_file.read_text() == "model_config_list {}\n"
    bare_node.start_serving()
    bare_node.until(lambda: "in quarantine" in bare_node.model().difference)
    bare_node.publish(2)
    bare_node.until(lambda: bare_node.serves(2))


def test_d2_a_vanished_folder_blocks_nobody(node: Node) -> None:
    """The model serves on from memory, and the others get their versions."""
    node.publish(1)
    node.publish(1, model="other")
    node.until(lambda: node.serves(1) and node.serves(1, model="other"))
    shutil.rmtree(node.models / "m")
    node.publish(2, model="other")
    node.until(lambda: node.serves(2, model="other"))
    assert node.model().serving == (1,)
    assert "serves from memory" in node.model().difference
    node.publish(3)
    node.until(lambda: node.serves(3))


def test_d3_a_model_is_introduced_only_when_a_version_is_there(node: Node) -> None:
    """An empty folder and one with strange names are left alone, and block nobody."""
    (node.models / "empty").mkdir()
    (node.models / "strange" / "v1").mkdir(parents=True)
    node.publish(1)
    node.until(lambda: node.serves(1))


def test_d4_a_server_that_never_polls_is_reported(bare_node: Node) -> None:
    """With polling off nothing is ever loaded; the report says that TensorFlow Serving has not begun."""
    bare_node.start_serving("--file_system_poll_wait_seconds=0")
    bare_node.start_configurator()
    bare_node.publish(1)
    bare_node.until(lambda: "TensorFlow Serving has not begun to load it" in bare_node.model().difference)
    bare_node.until(lambda: "file_system_poll_wait_seconds" in bare_node.model().difference)
    bare_node.until(lambda: "restart TensorFlow Serving" in bare_node.log())


def test_d5_one_bad_model_does_not_hold_up_the_others(node: Node) -> None:
    """A version that fails and one that loads for long leave the rest alone once they are known."""
    node.publish(1, model="bad", fail=FAILS)
    node.publish(1)
    node.until(lambda: node.serves(1))
    node.publish(2, load_seconds=3.0)
    node.publish(1, model="other")
    node.until(lambda: node.serves(1, model="other"))
    node.until(lambda: node.serves(2))


def test_d6_nothing_is_deleted_before_its_end_was_seen(bare_node: Node) -> None:
    """Also without grace time, while a successor takes long to load."""
    bare_node.start_serving()
    bare_node.start_configurator(retention=0, grace_seconds=0)
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    bare_node.publish(2, load_seconds=2.0)
    bare_node.until(lambda: "loaded" in bare_node.model().difference)
    assert (bare_node.models / "m" / "1").is_dir()
    bare_node.until(lambda: bare_node.serves(2))
    bare_node.until(lambda: not (bare_node.models / "m" / "1").exists())


def test_d7_d8_a_model_that_is_removed_and_comes_back_is_served(bare_node: Node) -> None:
    """Two restarts of the configurator, with the model removed in between."""
    bare_node.start_serving()
    bare_node.start_configurator(grace_seconds=60)
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    bare_node.kill_configurator()
    bare_node.want(removed=True)
    bare_node.start_configurator(grace_seconds=60)
    bare_node.until(lambda: bare_node.model().serving == ())
    bare_node.kill_configurator()
    bare_node.want(removed=False)
    bare_node.start_configurator(grace_seconds=60)
    bare_node.until(lambda: bare_node.serves(1))


def test_d9_a_failed_version_is_tried_again_on_request(bare_node: Node) -> None:
    """The version is dropped for two polls before it is named again."""
    bare_node.start_serving()
    bare_node.start_configurator(grace_seconds=60)
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    bare_node.publish(2, fail={**FAILS, "times": 1})
    bare_node.until(lambda: "in quarantine" in bare_node.model().difference)
    bare_node.kill_configurator()
    bare_node.want(retry={2: "please"})
    bare_node.start_configurator(grace_seconds=60)
    bare_node.until(lambda: bare_node.serves(2))


def test_d10_a_slow_answer_is_not_a_failure(node: Node) -> None:
    """A version that needs long for its sample is given the time."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    write_sample(node.publish(2, predict_seconds=2.0), [2.5, 3.0])
    node.until(lambda: node.serves(2))


def test_d10_a_retry_is_not_lost_while_a_request_holds_all_up(bare_node: Node) -> None:
    """A version that has loaded waits for the request, and the version to be tried again waits for that one."""
    bare_node.start_serving()
    bare_node.start_configurator(grace_seconds=60)
    bare_node.publish(1)
    bare_node.publish(1, model="other", predict_wait_for="../answer")
    bare_node.until(lambda: bare_node.serves(1) and bare_node.serves(1, model="other"))
    bare_node.publish(2, fail={**FAILS, "times": 1})
    bare_node.until(lambda: "in quarantine" in bare_node.model().difference)
    bare_node.kill_configurator()
    request = threading.Thread(target=ask, args=(bare_node.address, "other"))
    request.start()
    bare_node.want(retry={2: "please"})
    bare_node.publish(2, model="other")
    bare_node.start_configurator(grace_seconds=60)
    bare_node.until(lambda: "loading version 2 of model other for more than 15 seconds" in bare_node.model().difference)
    assert "restart" not in bare_node.model().difference
    (bare_node.models / "other" / "answer").touch()
    request.join()
    bare_node.until(lambda: bare_node.serves(2) and bare_node.serves(2, model="other"))


def test_a_load_that_cannot_be_stopped_is_told_to_all_that_wait_for_its_thread(bare_node: Node) -> None:
    """Only a restart of TensorFlow Serving helps, and it helps."""
    bare_node.start_serving("--num_load_threads=1")
    bare_node.start_configurator(load_seconds=3)
    bare_node.publish(1)
    bare_node.publish(1, model="other")
    bare_node.until(lambda: bare_node.serves(1) and bare_node.serves(1, model="other"))
    bare_node.publish(2, model="other", hang=True, ignore_cancel=True)
    bare_node.until(lambda: "in quarantine" in bare_node.model("other").difference)
    bare_node.publish(2)
    bare_node.until(lambda: "waits for a load thread" in bare_node.model().difference)
    assert "loading version 2 of model other" in bare_node.model().difference
    assert not bare_node.model().is_moving
    bare_node.kill_serving()
    bare_node.start_serving("--num_load_threads=1")
    bare_node.until(lambda: bare_node.serves(2))


def test_d11_a_reload_that_waits_for_a_vanished_folder_is_let_go(bare_node: Node) -> None:
    """A model whose folder vanishes after the reload was sent does not cost a restart."""
    bare_node.start_serving("--file_system_poll_wait_seconds=2")
    bare_node.start_configurator()
    bare_node.until(lambda: bare_node.report().serving.is_connected)
    bare_node.publish(1)
    bare_node.until(lambda: "was asked for" in bare_node.model().difference)
    shutil.rmtree(bare_node.models / "m")
    bare_node.publish(1, model="other")
    bare_node.until(lambda: bare_node.serves(1, model="other"))
    bare_node.until(lambda: not (bare_node.models / "m" / "1").exists())


def test_d12_d13_the_file_is_for_restarts_only(node: Node) -> None:
    """What is confirmed is in the file, without labels, and TensorFlow Serving is not asked to poll it."""
    assert not any("model_config_file_poll" in flag for flag in FLAGS)
    node.publish(1)
    node.until(lambda: "versions: 1" in node.config_file.read_text())  # confirmed a moment after it is served
    assert "labels" not in node.config_file.read_text()
    node.kill_configurator()
    node.kill_serving()
    node.start_serving()
    node.start_configurator()
    node.until(lambda: node.serves(1))


def test_d14_raw_bytes_in_an_error_cut_nobody_off(node: Node) -> None:
    """A warm-up record that is none fails its load with its own bytes; the others get their versions."""
    node.publish(1)
    node.until(lambda: node.serves(1))
    node.publish(2, fail={"code": "INVALID_ARGUMENT", "message": f"record: \udcff\udcfe\x1b[2J{'x' * 100_000}"})
    node.until(lambda: "in quarantine" in node.model().difference)
    assert "record: \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\\x1b[2Jxxx" in node.model().difference
    assert len(node.model().difference) < 1500
    node.publish(1, model="other")
    node.until(lambda: node.serves(1, model="other"))
    assert node.model().serving == (1,)
    assert node.report().serving.is_connected
