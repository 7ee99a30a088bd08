"""What every bucket promises the puller, be it real or a fake."""

from collections.abc import Callable

import pytest

from events.manifest import Content
from events.names import FileName, ModelName, Version
from puller.bucket.objects import RemoteFile
from puller.disk import crc32c
from puller.download.engine import PIECE_BYTES, Replaced
from service.errors import Invalid, Transient
from tests.contract.puller.conftest import Store

MODEL = ModelName("m")
DATA = bytes(range(256)) * 10_000  # several pieces of an engine
ODD_NAMES = (
    "a b",
    "a%20b",
    "a#b",
    "a?b=c&d",
    "é/ü",
    "+",
    "a:b@c",
    "~",
    "[x]*{y}",
    "a=b;c",
    "'\"",
    "日本",
    "x" * 200,
    "<&>",
)


async def only_file(store: Store, version: int = 1) -> RemoteFile:
    (file,) = (await store.lists.listing(MODEL, Version(version))).files
    return file


async def read_all(store: Store, file: RemoteFile, start: int, end: int) -> bytes:
    pieces: list[bytes] = []
    counts = store.engine.stream(file, start=start, end=end, write=lambda piece: pieces.append(bytes(piece)))
    assert sum([count async for count in counts]) == sum(map(len, pieces))
    return b"".join(pieces)


async def test_an_empty_bucket(store: Store) -> None:
    """Nothing is there, and that is no error."""
    assert (await store.lists.catalog()).models == {}
    assert (await store.lists.listing(MODEL, Version(1))).files == ()


async def test_catalog_names_models_and_versions(store: Store) -> None:
    """Folders with proper names are versions; what else is there is counted by reason."""
    for name in ("m/1/a", "m/1/b/c", "m/20/a", "n.x/0/a", "m/03/a", "m/x/a", "m/readme", "_tmp/1/a", "top", "o/7"):
        store.write(f"models/{name}", b"x")
    store.write("elsewhere/m/5/a", b"x")
    catalog = await store.lists.catalog()
    assert catalog.models == {"m": {1, 3, 20}, "n.x": {0}}
    assert catalog.ignored.counts == {
        "not a version number": 1,
        "not inside a version folder": 3,
        "not a model name": 1,
    }
    assert catalog.ignored.names == {
        "not a version number": ("models/m/x/",),
        "not inside a version folder": ("models/m/readme", "models/o/7", "models/top"),
        "not a model name": ("models/_tmp/",),
    }


async def test_leading_zeros_are_taken_as_tensorflow_serving_takes_them(store: Store) -> None:
    """`007` is version 7; where `7` is there, too, neither is taken, and both are named."""
    generation = store.write("models/m/007/saved_model.pb", DATA)
    assert (await store.lists.catalog()).models == {"m": {7}}
    (file,) = (await store.lists.listing(MODEL, Version(7))).files
    assert (file.object_name, file.generation) == ("models/m/007/saved_model.pb", generation)
    store.write("models/m/7/saved_model.pb", DATA)
    assert (await store.lists.catalog()).models == {"m": {7}}
    both = await store.lists.listing(MODEL, Version(7))
    assert both.files == ()
    assert both.problems == ("m/007/ and m/7/ are both version 7: delete all but one of them",)


async def test_folders_of_one_number_are_seen_to_come_and_go(store: Store) -> None:
    """A listing of the version alone tells: nobody waits for a list of the whole bucket."""
    store.write("models/m/007/saved_model.pb", DATA)
    await store.lists.catalog()
    store.write("models/m/7/saved_model.pb", DATA)
    assert (await store.lists.listing(MODEL, Version(7))).problems
    store.delete("models/m/007/saved_model.pb")
    (file,) = (await store.lists.listing(MODEL, Version(7))).files
    assert file.object_name == "models/m/7/saved_model.pb"


async def test_all_versions_of_a_model_can_be_listed_at_once(store: Store) -> None:
    """Each as its own list has it; nothing of another model; none where that takes more operations than allowed."""
    for name in ("m/1/a", "m/1/b/c", "m/1/manifest.json", "m/007/a", "m/20/a", "m/20/back\\slash", "m/x/a", "m/top"):
        store.write(f"models/{name}", DATA)
    for version in range(30):
        store.write(f"models/mm/{version}/a", b"x")
    found = await store.lists.all_listings(MODEL, most_lists=2)
    assert found is not None
    assert found.keys() == {1, 7, 20}
    assert found == {version: await store.lists.listing(MODEL, version) for version in found}
    assert await store.lists.all_listings(ModelName("mm"), most_lists=4) is None
    assert await store.lists.all_listings(ModelName("none"), most_lists=1) == {}


async def test_listing_says_what_each_file_is(store: Store) -> None:
    """Size, CRC32C, MD5, generation and time of every file of this version alone, sorted; the manifest apart."""
    generation = store.write("models/m/1/saved_model.pb", DATA)
    for name in ("m/1/assets/b", "m/1/assets/a", "m/1/manifest.json", "m/10/x", "m/2/x", "mm/1/x"):
        store.write(f"models/{name}", b"")
    listing = await store.lists.listing(MODEL, Version(1))
    assert [file.name for file in listing.files] == ["assets/a", "assets/b", "saved_model.pb"]
    graph = listing.files[-1]
    assert (graph.content, graph.generation) == (Content(len(DATA), crc32c.extend(0, DATA)), generation)
    assert graph.md5 is not None
    assert graph.updated.tzinfo is not None
    assert listing.manifest is not None
    assert listing.manifest.object_name == "models/m/1/manifest.json"
    assert listing.problems == ()


async def test_hostile_names_are_counted_and_never_listed(store: Store) -> None:
    """No name that could leave its folder becomes a file."""
    store.write("models/m/1/good", b"x")
    store.write("models/m/1/" + "/".join("d" * 40), b"x")
    store.write("models/m/1/back\\slash", b"x")
    listing = await store.lists.listing(MODEL, Version(1))
    assert [file.name for file in listing.files] == ["good"]
    assert listing.ignored.counts == {"unsafe file name": 2}


async def test_more_files_than_a_page(store: Store) -> None:
    """Lists go on behind the first page."""
    names = [f"f{number:04}" for number in range(30)]
    for name in names:
        store.write(f"models/m/1/{name}", b"")
        store.write(f"models/{name}/1/x", b"")
    listing = await store.lists.listing(MODEL, Version(1))
    assert [file.name for file in listing.files] == names
    assert (await store.lists.catalog()).models.keys() == {*names, MODEL}


async def test_read_returns_a_small_file(store: Store) -> None:
    """The manifest's bytes, but never more than was allowed."""
    store.write("models/m/1/f", b"small")
    file = await only_file(store)
    assert await store.lists.read(file, max_bytes=5) == b"small"
    with pytest.raises(Invalid, match="bytes"):
        await store.lists.read(file, max_bytes=4)


async def test_stream_gives_exactly_the_range(store: Store) -> None:
    """Any range, in pieces of bounded size."""
    store.write("models/m/1/f", DATA)
    file = await only_file(store)
    for start, end in ((0, len(DATA)), (0, 1), (len(DATA) - 1, len(DATA)), (1000, 2_000_000)):
        assert await read_all(store, file, start, end) == DATA[start:end]
    sizes: list[int] = []
    async for _ in store.engine.stream(file, start=0, end=len(DATA), write=lambda piece: sizes.append(len(piece))):
        assert 0 < max(sizes) <= PIECE_BYTES


async def test_names_with_any_character(store: Store) -> None:
    """What may be a file name can be listed and fetched under that name."""
    for name in ODD_NAMES:
        store.write(f"models/m/1/{name}", name.encode())
    files = (await store.lists.listing(MODEL, Version(1))).files
    assert [file.name for file in files] == sorted(FileName(name) for name in ODD_NAMES)
    for file in files:
        assert await read_all(store, file, 0, file.content.size) == file.name.encode()


@pytest.mark.parametrize(
    "change", [lambda store: store.write("models/m/1/f", b"new"), lambda store: store.delete("models/m/1/f")]
)
async def test_a_replaced_object_gives_no_bytes(store: Store, change: Callable[[Store], object]) -> None:
    """Neither engine nor read gives bytes of another generation than was listed."""
    store.write("models/m/1/f", b"old")
    file = await only_file(store)
    change(store)
    with pytest.raises(Replaced, match="models/m/1/f was replaced or deleted"):
        await read_all(store, file, 0, 3)
    with pytest.raises(Transient):
        await store.lists.read(file, max_bytes=10)


async def test_a_stream_may_be_left_early(store: Store) -> None:
    """Closing it half-way harms nothing."""
    store.write("models/m/1/f", DATA)
    file = await only_file(store)
    stream = store.engine.stream(file, start=0, end=len(DATA), write=lambda _: None)
    await anext(stream)
    await stream.aclose()
    assert await read_all(store, file, 5, 10) == DATA[5:10]
