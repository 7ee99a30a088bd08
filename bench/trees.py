"""Versions made for measuring: as many files of these sizes as asked for, full of bytes that nothing can shorten."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.versions import INDEX, SHARD, saved_model

PIECE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a version beside what each needs: sizes in bytes by name."""

    name: str
    sizes: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(self.sizes.values())


def shard_and_small(*, shard: int, small: int, each: int) -> Tree:
    """One big shard and many small files."""
    names = {f"assets/part-{number:05}": each for number in range(small)}
    return Tree("shard and small files", {str(SHARD): shard, **names})


def alike(*, files: int, each: int) -> Tree:
    """Files of one size."""
    return Tree(f"{files} files alike", {f"assets/part-{number:05}": each for number in range(files)})


def write(tree: Tree, folder: Path, *, seed: int) -> None:
    """Write the tree, and what makes it a SavedModel with variables; the same seed gives the same bytes."""
    numbers = random.Random(seed)  # noqa: S311 - filler, not a secret
    for name, data in (("saved_model.pb", saved_model()), (str(INDEX), b"index"), (str(SHARD), b"weights")):
        _write(folder / name, [data])
    for name, size in tree.sizes.items():
        _write(folder / name, _pieces(numbers, size))


def _pieces(numbers: random.Random, size: int) -> Iterator[bytes]:
    for start in range(0, size, PIECE):
        yield numbers.randbytes(min(PIECE, size - start))


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(pieces)
