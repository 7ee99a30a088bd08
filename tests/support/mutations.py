"""Documents and bytes that are almost right, for tests of parsers."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    """Name every place of a document."""
    yield path
    match document:
        case dict():
            for name, value in document.items():
                yield from places(value, (*path, name))
        case list():
            for number, value in enumerate(document):
                yield from places(value, (*path, number))
        case _:
            pass


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """Change one to three places: something else there, nothing, more than one, or what stands elsewhere."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        found = [path for path in places(changed) if path]
        if not found:
            return draw(ANY_JSON)
        path = draw(st.sampled_from(found))
        holder = _at(changed, path[:-1])
        match draw(st.sampled_from(["other", "gone", "nested", "elsewhere", "added"])):
            case "other":
                holder[path[-1]] = draw(ANY_JSON)
            case "gone":
                del holder[path[-1]]
            case "nested":
                holder[path[-1]] = draw(st.sampled_from([[holder[path[-1]]], {"x": holder[path[-1]]}]))
            case "elsewhere":
                holder[path[-1]] = copy.deepcopy(_at(changed, draw(st.sampled_from(found))))
            case _:
                value = draw(ANY_JSON)
                holder.append(value) if isinstance(holder, list) else holder.update({draw(st.text(max_size=8)): value})
    return changed


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Change, drop, double or add some bytes."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        until = min(len(found), at + draw(st.sampled_from([0, 1, 1, 2, 4, 64, 1024])))
        piece = draw(st.sampled_from([bytes(found[at:until]) * 2, b""]) | st.binary(max_size=8))
        found[at:until] = piece
    return bytes(found)


def _at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document
