"""Write the tiny SavedModels that tests and the demo serve.

They are committed, so that nobody needs TensorFlow to use them; this program says how each was made and can
make them again: `.venv-tf/bin/python tests/models/make.py [name ...]`. Every version stays below 20 KB.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import tensorflow as tf

HERE = Path(__file__).resolve().parent
V1 = tf.compat.v1
Signatures: TypeAlias = dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]]


def line(folder: Path, *, offset: float) -> None:
    """Save y = 0.5 x + offset, with both numbers in variables."""
    module = tf.Module()
    module.slope = tf.Variable(0.5, name="slope")
    module.offset = tf.Variable(offset, name="offset")

    def predict(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": module.slope * x + module.offset}

    save(module, folder, signatures={"serving_default": (predict, [spec("x", tf.float32)])})


def smoke(folder: Path, *, offset: float) -> None:
    """Save the line with a sample of what it must answer."""
    line(folder, offset=offset)
    sample = {
        "signature": "serving_default",
        "instances": {"x": [1.0, 2.0]},
        "outputs": {"y": [0.5 + offset, 1.0 + offset]},
        "tolerance": 1e-6,
    }
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "smoke.json").write_text(json.dumps(sample, indent=2) + "\n")


def no_variables(folder: Path) -> None:
    """Save y = x + 1 from TensorFlow 2, with nothing to restore."""

    def predict(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + 1.0}

    save(tf.Module(), folder, signatures={"serving_default": (predict, [spec("x", tf.float32)])})


def with_asset(folder: Path) -> None:
    """Save a table that turns words into numbers and is filled from a file of words."""
    with tempfile.TemporaryDirectory() as scratch:
        words = Path(scratch, "words.txt")
        words.write_text("zero\none\ntwo\n")
        module = tf.Module()
        whole, line_number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        source = tf.lookup.TextFileInitializer(str(words), tf.string, whole, tf.int64, line_number)
        module.table = tf.lookup.StaticHashTable(source, default_value=-1)

        def predict(word: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"number": module.table.lookup(word)}

        save(module, folder, signatures={"serving_default": (predict, [spec("word", tf.string)])})


def multi(folder: Path) -> None:
    """Save two signatures over float32, int64, string and bool."""

    def predict(f: tf.Tensor, i: tf.Tensor, s: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"total": tf.reduce_sum(f, axis=1), "next": i + 1, "echo_bytes": s, "text": s, "flip": ~b}

    def double(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2.0 * x}

    inputs = [tf.TensorSpec([None, 2], tf.float32, name="f"), spec("i", tf.int64), spec("s", tf.string)]
    signatures: Signatures = {
        "serving_default": (predict, [*inputs, spec("b", tf.bool)]),
        "double": (double, [spec("x", tf.float32)]),
    }
    save(tf.Module(), folder, signatures=signatures)


def spec(name: str, dtype: tf.DType) -> tf.TensorSpec:
    """Return the shape of a column."""
    return tf.TensorSpec([None], dtype, name=name)


def save(module: tf.Module, folder: Path, *, signatures: Signatures) -> None:
    """Save without the parts only a debugger wants."""
    functions = {name: tf.function(body, input_signature=specs) for name, (body, specs) in signatures.items()}
    for name, function in functions.items():
        setattr(module, name, function)
    options = tf.saved_model.SaveOptions(save_debug_info=False)
    tf.saved_model.save(module, str(folder), signatures=functions, options=options)


def line_of_tf1(folder: Path) -> None:
    """Save y = 0.5 x + 2 as TensorFlow 1 did, with signatures for Predict, Classify and Regress."""
    with V1.Graph().as_default(), V1.Session() as session:
        slope = V1.get_variable("slope", initializer=0.5, use_resource=False)
        offset = V1.get_variable("offset", initializer=2.0, use_resource=False)
        x = V1.placeholder(tf.float32, [None], name="x")
        y = V1.identity(slope * x + offset, name="y")
        session.run(V1.global_variables_initializer())
        signatures = {
            "serving_default": V1.saved_model.predict_signature_def({"x": x}, {"y": y}),
            **example_signatures(slope, offset),
        }
        write_tf1(session, folder, signatures)


def example_signatures(slope: tf.Tensor, offset: tf.Tensor) -> dict[str, object]:
    """Sign the two methods that take tf.Example, where `x` is a feature."""
    examples = V1.placeholder(tf.string, [None], name="examples")
    x = V1.parse_example(examples, {"x": V1.FixedLenFeature([1], tf.float32)})["x"]
    y = V1.identity(slope * x + offset, name="score")
    classes = tf.where(y > 2.0, tf.fill(tf.shape(y), "high"), tf.fill(tf.shape(y), "low"), name="classes")
    return {
        "classify": V1.saved_model.classification_signature_def(examples, classes, y),
        "regress": V1.saved_model.regression_signature_def(examples, y),
    }


def no_variables_of_tf1(folder: Path) -> None:
    """Save y = x + 1 as TensorFlow 1 did: `variables/` exists and holds nothing."""
    with V1.Graph().as_default(), V1.Session() as session:
        x = V1.placeholder(tf.float32, [None], name="x")
        y = V1.add(x, 1.0, name="y")
        write_tf1(session, folder, {"serving_default": V1.saved_model.predict_signature_def({"x": x}, {"y": y})})


def write_tf1(session: tf.compat.v1.Session, folder: Path, signatures: dict[str, object]) -> None:
    """Write one session the way exporters of TensorFlow 1 do."""
    builder = V1.saved_model.Builder(str(folder))
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures, strip_default_attrs=True)
    builder.save()


MODELS: dict[str, Callable[[Path], None]] = {
    "half_plus_two/1": lambda folder: line(folder, offset=2.0),
    "half_plus_two/2": lambda folder: line(folder, offset=3.0),
    "half_plus_two_tf1/1": line_of_tf1,
    "no_variables/1": no_variables,
    "tf1_no_variables/1": no_variables_of_tf1,
    "with_asset/1": with_asset,
    "multi/1": multi,
    "with_smoke/1": lambda folder: smoke(folder, offset=2.0),
    "with_smoke/2": lambda folder: smoke(folder, offset=3.0),
}


def main() -> None:
    """Make the named versions again, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(MODELS)}; default: all")
    for name in parser.parse_args().names or MODELS:
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        MODELS[name](folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        sys.stdout.write(f"{name}: {size} bytes\n")


if __name__ == "__main__":
    main()
