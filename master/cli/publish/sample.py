"""The sample of a version that is to be published: whether its nodes could ask it, and could ever get what it expects.

What a graph says of a signature is read without TensorFlow: names, types and shapes. Only TensorFlow can compute the
answers, so those are compared on the nodes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from service import values
from service.errors import Invalid
from service.sample import FILE, Sample, load
from service.saved_model import Signature, Tensor, signatures_of
from service.structure import BINARY_GRAPH
from service.values import BadTensor

UNKNOWN: Final = 0  # the type of what is no single tensor


def sample_problem(folder: Path) -> str:
    """Say why nodes would refuse the version by its own sample; empty where it has none, or one that can be asked."""
    try:
        sample = load(folder)
        if sample is None or not (folder / BINARY_GRAPH).is_file():
            return ""
        signatures = signatures_of(folder / BINARY_GRAPH)
    except Invalid as error:
        return f"nodes would refuse this version: {error}"
    signature = signatures.get(sample.signature)
    if signature is None:
        known = ", ".join(sorted(signatures)) or "none"
        return f"{FILE} asks for signature {sample.signature!a}, which the version does not have (it has: {known})"
    return _names(sample, signature) or _values(sample, signature)


def _names(sample: Sample, signature: Signature) -> str:
    of = f"signature {sample.signature}"
    inputs, outputs = ", ".join(sorted(signature.inputs)), ", ".join(sorted(signature.outputs))
    if unknown := sorted(sample.instances.keys() - signature.inputs.keys()):
        return f"{FILE} feeds {unknown[0]!a}, which is no input of {of} (inputs: {inputs})"
    if lacking := sorted(signature.inputs.keys() - signature.defaults - sample.instances.keys()):
        return f"{FILE} does not feed {lacking[0]!a}, an input of {of} (inputs: {inputs})"
    if unknown := sorted(sample.outputs.keys() - signature.outputs.keys()):
        return f"{FILE} expects {unknown[0]!a}, which is no output of {of} (outputs: {outputs})"
    return ""


def _values(sample: Sample, signature: Signature) -> str:
    """Compare types and shapes, as far as the graph says them."""
    sides: tuple[tuple[str, Mapping[str, object], Mapping[str, Tensor]], ...] = (
        ("input", sample.instances, signature.inputs),
        ("output", sample.outputs, signature.outputs),
    )
    for side, given, tensors in sides:
        for name, nested in sorted(given.items()):
            if wrong := _wrong(nested, tensors[name], is_input=side == "input"):
                return f"{FILE}: {side} {name!a} of signature {sample.signature}: {wrong}"
    return ""


def _wrong(nested: object, tensor: Tensor, *, is_input: bool) -> str:
    try:
        shape, flat = values.flatten(nested)
        if tensor.dtype != UNKNOWN and is_input:
            values.tensor(nested, tensor.dtype)
    except BadTensor as error:
        return str(error)
    if tensor.dtype != UNKNOWN and not is_input:
        if tensor.dtype not in values.KINDS:
            return f"tensors of type {values.name(tensor.dtype)} cannot be compared"
        for value in flat:
            if not values.may_equal(value, tensor.dtype):
                return f"{values.quoted(value)} is no value of type {values.name(tensor.dtype)}"
    if tensor.shape is not None and not _fits(shape, tensor.shape):
        return f"it has shape {_shown(shape)}, and the graph says {_shown(tensor.shape)}"
    return ""


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether a shape is one of those that are wanted; a size below 0 stands for any."""
    return len(shape) == len(wanted) and all(want in {size, -1} for size, want in zip(shape, wanted, strict=True))


def _shown(shape: tuple[int, ...]) -> str:
    sizes = ", ".join("?" if size < 0 else str(size) for size in shape[: values.MAX_RANK])
    return f"[{sizes}]" + ("…" if len(shape) > values.MAX_RANK else "")
