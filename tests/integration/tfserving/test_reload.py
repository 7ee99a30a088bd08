"""What a reload refuses, in which words, and what is changed all the same."""

from collections.abc import Callable

import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from infra.tfserving.servable import Code, State, StatusError
from tests.support.lab import Lab, LabMaker
from tests.support.serving import config_of, model, write_version

BROKEN = {"fail": {"code": "UNAVAILABLE", "message": "no luck"}}


def refusal(lab: Lab, *models: ModelConfig) -> tuple[Code, str]:
    """Send a config that is refused."""
    with pytest.raises(StatusError) as caught:
        lab.reload(*models)
    return caught.value.code, caught.value.message


@pytest.fixture
def served(lab: Lab) -> Lab:
    """Return a lab that serves version 1 of `a`."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    return lab


Refused = Callable[[Lab], list[ModelConfig]]

UNCHANGED: dict[str, tuple[Refused, str]] = {
    "listed twice": (
        lambda lab: [model("a", lab.base("a")), model("a", lab.base("a"))],
        "Illegal to list model a multiple times in config list",
    ),
    "relative path": (
        lambda _: [model("b", "b")],
        "Expected model b to have an absolute path or URI; got base_path()=b",
    ),
    "platform changed": (
        lambda lab: [model("a", lab.base("a"), platform="caffe")],
        "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is caffe",
    ),
}


@pytest.mark.parametrize("case", UNCHANGED)
def test_a_config_refused_by_its_form_changes_nothing(served: Lab, case: str) -> None:
    """It is refused with TensorFlow Serving's words, and the next reload compares with the config before."""
    configs, words = UNCHANGED[case]
    assert refusal(served, *configs(served)) == (Code.INVALID_ARGUMENT, words)
    assert served.state("a", 1) is State.AVAILABLE
    served.reload(model("a", served.base("a")))


def test_an_empty_list_unloads_everything(served: Lab) -> None:
    """The reload is OK at once, and the version ends without an error."""
    served.reload()
    served.until_state("a", 1, State.END)
    assert served.status("a") == {1: (State.END, Code.OK)}


def test_a_new_model_of_unknown_platform_is_refused_and_remembered(served: Lab) -> None:
    """The corrected config is then a change of platform, until one reload leaves the model out."""
    base = served.base("b")
    write_version(base, 1)
    words = "Model b requests unsupported platform caffe"
    assert refusal(served, model("b", base, platform="caffe")) == (Code.INVALID_ARGUMENT, words)
    assert served.state("a", 1) is State.AVAILABLE
    code, message = refusal(served, model("b", base))
    assert (code, message.startswith("Illegal to change a model's platform")) == (Code.INVALID_ARGUMENT, True)
    served.reload()
    served.reload(model("b", base))


def test_a_new_model_without_platform_poisons_the_server(served: Lab) -> None:
    """From then on every reload is refused, whatever it holds; what was served goes on."""
    words = "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform"
    for models in ([model("b", served.base("b"), platform="")], [], [model("a", served.base("a"))]):
        code, message = refusal(served, *models)
        assert (code, message.startswith(words)) == (Code.INVALID_ARGUMENT, True)
    assert served.state("a", 1) is State.AVAILABLE


def test_a_label_for_a_version_that_is_not_available_is_refused(served: Lab) -> None:
    """The old models go on, no label is set, and a corrected reload works."""
    write_version(served.base("a"), 2)
    write_version(served.base("b"), 1)
    wrong = [model("a", served.base("a"), versions=[2], labels={"stable": 2}), model("b", served.base("b"))]
    assert refusal(served, *wrong) == (
        Code.FAILED_PRECONDITION,
        "Request to assign label to version 2 of model a, which is not currently available for inference",
    )
    assert served.status("b") == {}
    with pytest.raises(StatusError, match="Unrecognized servable version label: stable"):
        served.core.label_version("a", "stable")
    served.reload(model("a", served.base("a"), versions=[1], labels={"stable": 1}))
    assert served.core.label_version("a", "stable") == 1


def test_a_new_model_that_fails_is_named_and_the_rest_is_applied(served: Lab) -> None:
    """No rollback: other new models are loaded, what was left out is unloaded."""
    write_version(served.base("bad"), 1, BROKEN)
    write_version(served.base("good"), 1)
    both = [model("bad", served.base("bad")), model("good", served.base("good"))]
    assert refusal(served, *both) == (
        Code.UNKNOWN,
        "1 model(s) did not become available: {{{name: bad version: 1} due to error: UNAVAILABLE: no luck}, }",
    )
    served.until_state("good", 1, State.AVAILABLE)
    served.until_state("a", 1, State.END)


def test_the_same_config_sent_again_is_ok_although_the_model_still_fails(lab: Lab) -> None:
    """The name is no longer new, so nothing is waited for."""
    write_version(lab.base("bad"), 1, BROKEN)
    refusal(lab, model("bad", lab.base("bad")))
    lab.reload(model("bad", lab.base("bad")))
    assert lab.status("bad") == {1: (State.END, Code.UNAVAILABLE)}


def test_a_change_of_a_known_model_is_ok_before_it_took_effect(served: Lab) -> None:
    """Even a version that cannot load is only seen in the status."""
    write_version(served.base("a"), 2, BROKEN)
    served.reload(model("a", served.base("a"), versions=[2]))
    served.until_state("a", 2, State.END)
    assert served.status("a") == {2: (State.END, Code.UNAVAILABLE), 1: (State.AVAILABLE, Code.OK)}


def test_a_changed_base_path_does_not_reload_a_number_that_is_loaded(served: Lab) -> None:
    """Only other numbers come from the new path."""
    write_version(served.base("elsewhere"), 1, {"predict": {"offset": 100.0}})
    served.reload(model("a", served.base("elsewhere")))
    write_version(served.base("elsewhere"), 2, BROKEN)
    served.until_state("a", 2, State.END)
    assert served.predict("a") == [2.5]


def test_with_several_new_versions_the_first_to_settle_decides(lab: Lab) -> None:
    """An error does not mean that no version comes up: the highest one that settled was asked."""
    gate = lab.folder / "gate"
    write_version(lab.base("a"), 1, {"wait_for": str(gate)})
    write_version(lab.base("a"), 2, BROKEN)
    code, _ = refusal(lab, model("a", lab.base("a"), versions=[1, 2]))
    assert code is Code.UNKNOWN
    gate.touch()
    lab.until_state("a", 1, State.AVAILABLE)


def test_an_unset_config_changes_nothing_before_the_first_and_is_refused_after(make_lab: LabMaker) -> None:
    """A list of models may only be followed by another."""
    lab = make_lab(start_empty=False)
    lab.core.reload(ModelServerConfig())
    lab.core.reload(config_of())
    with pytest.raises(StatusError, match="Cannot transition to requested config") as caught:
        lab.core.reload(ModelServerConfig())
    assert caught.value.code is Code.FAILED_PRECONDITION


def test_labels_may_run_ahead_but_not_move_ahead(make_lab: LabMaker) -> None:
    """With the flag an unused label may name a version that is not there yet; one in use may not move to such."""
    lab = make_lab(labels_run_ahead=True)
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a"), versions=[1], labels={"stable": 1}))
    code, _ = refusal(lab, model("a", lab.base("a"), versions=[1, 2], labels={"stable": 2}))
    assert code is Code.FAILED_PRECONDITION
    lab.reload(model("a", lab.base("a"), versions=[1, 2], labels={"stable": 1, "next": 2}))
    assert lab.core.label_version("a", "next") == 2


def test_a_label_outlives_its_version_until_the_next_config(lab: Lab) -> None:
    """A label whose version went away answers NOT_FOUND for the version."""
    version = write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    lab.reload(model("a", lab.base("a"), labels={"stable": 1}))
    version.rename(lab.base("a") / "1.denied")
    lab.until_state("a", 1, State.END)
    with pytest.raises(StatusError) as caught, lab.core.find("a", label="stable"):
        pass
    assert (caught.value.code, caught.value.message) == (
        Code.NOT_FOUND,
        "Servable not found for request: Specific(a, 1)",
    )
