"""The scripted loader looks at directories as TensorFlow does, then obeys."""

import json
import shutil
from pathlib import Path

import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_INT64, DT_STRING
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from infra.tfserving.scripted_loader import ScriptedLoader, open_loader
from infra.tfserving.servable import Code, LoaderOptions, LoadFailure, RequestFailure, Servable
from tests.support.serving import Json, write_version

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture
def loader() -> ScriptedLoader:
    """Return a loader with the default flags."""
    return open_loader(LoaderOptions())


def load(loader: ScriptedLoader, path: Path) -> Servable:
    """Load a version that stays wanted."""
    return loader.load(path, cancelled=lambda: False)


def failure(loader: ScriptedLoader, path: Path) -> Code:
    """Return the code a load fails with."""
    with pytest.raises(LoadFailure) as caught:
        load(loader, path)
    return caught.value.code


def predict(servable: Servable, tensor: TensorProto) -> TensorProto:
    """Return `y` of `x`."""
    request = PredictRequest()
    request.inputs["x"].CopyFrom(tensor)
    return servable.predict(request).outputs["y"]


def export(tmp_path: Path, name: str = "half_plus_two") -> Path:
    """Copy a real export."""
    return Path(shutil.copytree(MODELS / name / "1", tmp_path / "1"))


FLOAT = TensorProto(dtype=DT_FLOAT, float_val=[1.0])


@pytest.mark.parametrize("name", ["half_plus_two", "half_plus_two_tf1", "no_variables", "tf1_no_variables"])
def test_a_whole_export_loads_and_answers(tmp_path: Path, loader: ScriptedLoader, name: str) -> None:
    """Made by either TensorFlow, with variables or without; the signatures are its own."""
    servable = load(loader, export(tmp_path, name))
    assert "serving_default" in servable.signatures
    assert predict(servable, FLOAT).float_val == [2.5]


@pytest.mark.parametrize("missing", ["variables", "variables/variables.index"])
def test_an_export_without_its_index_loads_and_fails_at_predict(
    tmp_path: Path, loader: ScriptedLoader, missing: str
) -> None:
    """The half upload that TensorFlow takes for whole."""
    path = export(tmp_path)
    gone = path / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(RequestFailure) as caught:
        predict(load(loader, path), FLOAT)
    assert caught.value.code is Code.FAILED_PRECONDITION


SHARD = "variables/variables.data-00000-of-00001"


@pytest.mark.parametrize(
    ("file", "kept", "code"),
    [
        ("saved_model.pb", None, Code.NOT_FOUND),
        ("saved_model.pb", 0, Code.NOT_FOUND),
        ("saved_model.pb", 100, Code.OUT_OF_RANGE),
        ("saved_model.pb", 1, Code.OUT_OF_RANGE),
        (SHARD, None, Code.NOT_FOUND),
        (SHARD, 0, Code.OUT_OF_RANGE),
        ("variables/variables.index", 0, Code.DATA_LOSS),
    ],
)
def test_a_partial_export_fails_as_with_tensorflow(
    tmp_path: Path, loader: ScriptedLoader, file: str, kept: int | None, code: Code
) -> None:
    """A file is missing, empty or cut off."""
    path = export(tmp_path)
    content = (path / file).read_bytes()
    (path / file).unlink()
    if kept is not None:
        (path / file).write_bytes(content[:kept])
    assert failure(loader, path) is code


def test_shards_of_another_count_are_missing_shards(tmp_path: Path, loader: ScriptedLoader) -> None:
    """`-of-00002` alone is half of two; an extra stray shard does no harm."""
    path = export(tmp_path)
    stray = path / "variables" / "variables.data-00000-of-00002"
    shutil.copy(path / SHARD, stray)
    load(loader, path)
    (path / SHARD).unlink()
    assert failure(loader, path) is Code.NOT_FOUND


def test_tags_that_match_no_graph_are_not_found(tmp_path: Path) -> None:
    """As `--saved_model_tags` asks."""
    assert failure(open_loader(LoaderOptions(saved_model_tags=("serve", "gpu"))), export(tmp_path)) is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("tensor", "values"),
    [
        (TensorProto(dtype=DT_FLOAT, float_val=[1.0, 2.0]), [2.5, 3.0]),
        (TensorProto(dtype=DT_DOUBLE, double_val=[1.0]), [2.5]),
        (TensorProto(dtype=DT_INT64, int64_val=[4]), [4]),
        (TensorProto(dtype=DT_FLOAT, tensor_content=b"\x00\x00\x80\x3f"), [2.5]),
    ],
)
def test_a_fake_version_computes_half_plus_two(
    tmp_path: Path, loader: ScriptedLoader, tensor: TensorProto, values: list[float]
) -> None:
    """In the type it was asked in."""
    answer = predict(load(loader, write_version(tmp_path, 1)), tensor)
    assert answer.dtype == tensor.dtype
    assert [*answer.float_val, *answer.double_val, *answer.int64_val] == values


def test_what_is_no_number_is_refused(tmp_path: Path, loader: ScriptedLoader) -> None:
    """With a reason."""
    with pytest.raises(RequestFailure, match="a scripted version computes"):
        predict(load(loader, write_version(tmp_path, 1)), TensorProto(dtype=DT_STRING, string_val=[b"x"]))


def test_a_script_may_refuse_a_number_of_loads(tmp_path: Path, loader: ScriptedLoader) -> None:
    """Then it loads."""
    path = write_version(tmp_path, 1, {"fail": {"code": "UNAVAILABLE", "message": "no luck", "times": 1}})
    assert failure(loader, path) is Code.UNAVAILABLE
    load(loader, path)


def test_a_warmup_failure_fails_the_load_unless_warmup_is_off(tmp_path: Path, loader: ScriptedLoader) -> None:
    """As `--enable_model_warmup` says."""
    path = write_version(tmp_path, 1, {"warmup_fail": "bad record"})
    assert failure(loader, path) is Code.INVALID_ARGUMENT
    load(open_loader(LoaderOptions(enable_model_warmup=False)), path)


def test_a_load_that_hangs_ends_when_nobody_wants_it(tmp_path: Path, loader: ScriptedLoader) -> None:
    """As CANCELLED."""
    path = write_version(tmp_path, 1, {"hang": True})
    asked = iter([False, False, True])
    with pytest.raises(LoadFailure) as caught:
        loader.load(path, cancelled=lambda: next(asked))
    assert caught.value.code is Code.CANCELLED


def test_predict_obeys_its_script(tmp_path: Path, loader: ScriptedLoader) -> None:
    """Another line, or a refusal."""
    assert predict(load(loader, write_version(tmp_path, 1, {"predict": {"scale": 3.0}})), FLOAT).float_val == [5.0]
    refusing = load(loader, write_version(tmp_path, 2, {"predict_fail": {"code": "INTERNAL", "message": "broken"}}))
    with pytest.raises(RequestFailure, match="INTERNAL: broken"):
        predict(refusing, FLOAT)


@pytest.mark.parametrize("script", [{"no_such_key": 1}, {"fail": {"code": "NOPE"}}, [1], "text"])
def test_a_script_that_makes_no_sense_fails_the_load(tmp_path: Path, loader: ScriptedLoader, script: Json) -> None:
    """A typing error in a test is not taken for a good version."""
    path = write_version(tmp_path, 1)
    (path / "assets.extra" / "scripted.json").write_text(json.dumps(script))
    assert failure(loader, path) is Code.INTERNAL


def test_a_folder_without_a_graph_is_refused_in_tensorflow_serving_s_words(
    tmp_path: Path, loader: ScriptedLoader
) -> None:
    """They are its own: TensorFlow's loader is not asked."""
    with pytest.raises(LoadFailure, match="does not appear to contain a SavedModel bundle") as caught:
        load(loader, tmp_path)
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.message.splitlines()[1] == f"Specified file path: {tmp_path}"


def test_an_export_of_old_times_is_refused(tmp_path: Path, loader: ScriptedLoader) -> None:
    """Session bundles are gone."""
    (tmp_path / "export.meta").touch()
    with pytest.raises(LoadFailure, match="Session Bundle is deprecated and removed") as caught:
        load(loader, tmp_path)
    assert caught.value.code is Code.UNIMPLEMENTED


def test_a_load_that_hangs_may_ignore_that_nobody_wants_it(tmp_path: Path, loader: ScriptedLoader) -> None:
    """As TensorFlow's loads do; it ends with the process alone."""
    version = write_version(tmp_path, 1, {"hang": True, "ignore_cancel": True})
    looks: list[bool] = []

    def cancelled() -> bool:
        looks.append(True)
        if len(looks) == 5:
            loader.close()
        return True

    with pytest.raises(LoadFailure) as caught:
        loader.load(version, cancelled=cancelled)
    assert caught.value.code is Code.CANCELLED
    assert len(looks) == 5
