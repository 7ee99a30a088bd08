"""From a TensorFlow Serving that serves what a config file written by hand names, to one that is managed."""

import grpc
import pytest
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from configurator.serving import tensors
from events.names import ModelName
from tests.integration.configurator.conftest import Node
from tests.support import serving as compatible

OLD = "old"
ENTRY = """model_config_list {{
  config {{
    name: "old"
    base_path: "{path}"
    model_platform: "tensorflow"
    version_labels {{ key: "stable" value: 3 }}
    logging_config {{ sampling_config {{ sampling_rate: 0.5 }} }}
  }}
}}
"""


@pytest.fixture
def node(bare_node: Node) -> Node:
    """TensorFlow Serving has been serving version 3 of a model, with a label; no service of ours ran here."""
    elsewhere = bare_node.folder / "elsewhere"
    elsewhere.mkdir()
    compatible.write_version(elsewhere, 3, {"predict": {"offset": 7.0}})
    bare_node.config_file.write_text(ENTRY.format(path=elsewhere))
    bare_node.start_serving()
    compatible.until(lambda: ask(bare_node, "stable") == [7.5], what="the hand-made model answers")
    return bare_node


def ask(node: Node, label: str | None = None, *, model: str = OLD) -> list[float] | None:
    """Ask the model at 1; nothing where it does not answer."""
    spec = ModelSpec(name=model) if label is None else ModelSpec(name=model, version_label=label)
    request = PredictRequest(model_spec=spec, inputs={"x": tensors.build([1.0], DT_FLOAT)})
    with grpc.insecure_channel(node.address) as channel:
        try:
            return list(PredictionServiceStub(channel).Predict(request, timeout=10).outputs["y"].float_val)
        except grpc.RpcError:
            return None


def test_the_first_start_changes_nothing_until_an_operator_lets_it_go(node: Node) -> None:
    """It answers by label and without beside our model, is shown as not managed, and goes with its removal."""
    node.publish(1)
    node.start_configurator()
    node.until(lambda: node.serves(1))
    assert ask(node) == ask(node, "stable") == [7.5]
    shown = node.model(OLD)
    assert (shown.serving, shown.difference) == ((3,), "")
    assert f"at {node.folder / 'elsewhere'}" in shown.not_managed
    node.kill_serving()
    node.start_serving()
    node.until(lambda: ask(node, "stable") == [7.5] and node.serves(1) and node.model(OLD).serving == (3,))
    node.kill_configurator()
    node.want(model=OLD, removed=True)
    node.start_configurator()
    node.until(lambda: ask(node) is None and ModelName(OLD) not in node.report().models)
    assert OLD not in node.config_file.read_text()
    assert node.serves(1)
    copy = node.config_file.with_name("models.config.before-model-manager")
    assert copy.read_text() == ENTRY.format(path=node.folder / "elsewhere")


def test_a_pinned_version_takes_its_place(node: Node) -> None:
    """Clients that name no version, and those of a label that was set before, are answered all the way."""
    node.publish(4, model=OLD, predict={"offset": 8.0})
    node.want(model=OLD, want={"kind": "pinned", "versions": [4]}, labels={"stable": 4})
    node.start_configurator()
    answers: list[list[float] | None] = []

    def is_taken_over() -> bool:
        answers.extend((ask(node), ask(node, "stable")))
        return node.serves(4, model=OLD)

    node.until(is_taken_over)
    assert set(map(str, answers)) <= {"[7.5]", "[8.5]"}
    assert ask(node) == ask(node, "stable") == [8.5]
    assert "elsewhere" not in node.config_file.read_text()
