"""Trees have the files and sizes that were asked for, and the same bytes each time."""

from pathlib import Path

from bench.trees import alike, shard_and_small, write


def sizes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_a_tree_has_its_files_and_what_a_model_needs(tmp_path: Path) -> None:
    """The files of the tree stand beside a graph, an index and a shard."""
    write(alike(files=2, each=300), tmp_path, seed=1)
    found = sizes(tmp_path)
    assert {name: found.pop(name) for name in ("assets/part-00000", "assets/part-00001")} == {
        "assets/part-00000": 300,
        "assets/part-00001": 300,
    }
    assert set(found) == {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}


def test_a_big_shard_takes_the_place_of_the_small_one(tmp_path: Path) -> None:
    """A tree that names the shard gets it in its own size, over several pieces."""
    tree = shard_and_small(shard=9_000_000, small=3, each=10)
    write(tree, tmp_path, seed=1)
    assert sizes(tmp_path)["variables/variables.data-00000-of-00001"] == 9_000_000
    assert tree.total == 9_000_030


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Equal seeds give equal trees, others do not."""
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        write(alike(files=1, each=1000), tmp_path / name, seed=seed)
    one, same, other = (tmp_path / name / "assets/part-00000" for name in ("one", "same", "other"))
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()
