"""Train two versions of a small model for the demo; runs where TensorFlow is (.venv-tf), and imports nothing of ours.

Each version is a straight line fitted by gradient descent to noisy samples of a line we know. So the right answer of
each version is known too, and the demo can check what TensorFlow Serving says.
"""

import argparse
import json
from pathlib import Path

import tensorflow as tf

SAMPLES = 256
STEPS = 400
RATE = 0.2
NOISE = 0.001
SMOKE_XS = (-1.0, 0.0, 1.0)
TOLERANCE = 0.01


def train(folder: Path, *, slope: float, offset: float) -> None:
    """Fit a line to samples of the true one and save it, with a sample of what it must answer."""
    line = tf.Module()
    line.slope, line.offset = tf.Variable(0.0, name="slope"), tf.Variable(0.0, name="offset")

    def answer(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": line.slope * x + line.offset}

    random = tf.random.Generator.from_seed(1)
    x = random.uniform([SAMPLES], -1.0, 1.0)
    y = slope * x + offset + random.normal([SAMPLES], stddev=NOISE)
    descend(line, x, y)
    line.predict = tf.function(answer, input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    options = tf.saved_model.SaveOptions(save_debug_info=False)
    tf.saved_model.save(line, str(folder), signatures={"serving_default": line.predict}, options=options)
    write_sample(folder / "assets.extra", [slope * x + offset for x in SMOKE_XS])


def descend(line: tf.Module, x: tf.Tensor, y: tf.Tensor) -> None:
    """Bring the line close to the samples, step by step."""
    variables = [line.slope, line.offset]
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((line.slope * x + line.offset - y) ** 2)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * gradient)


def write_sample(folder: Path, ys: list[float]) -> None:
    """Say what the version must answer before it counts as served."""
    sample = {
        "signature": "serving_default",
        "instances": {"x": SMOKE_XS},
        "outputs": {"y": ys},
        "tolerance": TOLERANCE,
    }
    folder.mkdir()
    (folder / "smoke.json").write_text(json.dumps(sample, indent=2) + "\n")


def main() -> None:
    """Train the versions named as FOLDER=SLOPE,OFFSET."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="+", metavar="FOLDER=SLOPE,OFFSET")
    parser.add_argument("--done", type=Path, required=True, help="file to make when all versions are there")
    arguments = parser.parse_args()
    for text in arguments.versions:
        folder, _, numbers = text.rpartition("=")
        slope, offset = (float(number) for number in numbers.split(","))
        train(Path(folder), slope=slope, offset=offset)
    arguments.done.touch()


if __name__ == "__main__":
    main()
