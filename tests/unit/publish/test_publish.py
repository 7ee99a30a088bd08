"""A version's way into the bucket: checked, never over another one, resumed, the manifest last."""

import hashlib
from pathlib import Path

import pytest

from events import manifest
from events.manifest import Content
from events.names import FileName, ModelName, Version
from infra.local.versions import saved_model
from master.cli.publish.folder import BadFolder, check, files_of, look
from master.cli.publish.target import BadTarget, Target, next_version, parse
from master.cli.publish.upload import Changed, Uploaded, VersionExists, upload
from tests.fakes.publishing import FakeBucket
from tests.support.exports import copy_export, record

BASE = "models/line/7/"
FILES = {
    "saved_model.pb": saved_model(),
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"weights",
    "assets/empty.txt": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "7", FILES)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_manifest_comes_last_and_matches(folder: Path) -> None:
    """Whoever sees the manifest sees the whole version."""
    bucket = FakeBucket()
    assert upload(bucket, look(folder), base=BASE) == Uploaded(sent=4, resumed=0)
    assert bucket.order[-1] == f"{BASE}manifest.json"
    listed = {FileName(name.removeprefix(BASE)): content for name, content in bucket.contents(BASE).items()}
    del listed[FileName("manifest.json")]
    assert manifest.differences(manifest.parse(bucket.objects[f"{BASE}manifest.json"]), listed) == ()


def test_the_manifest_says_every_piece(folder: Path) -> None:
    """Nodes can check each piece by itself, whoever it comes from."""
    bucket = FakeBucket()
    upload(bucket, look(folder), base=BASE)
    table = manifest.read(bucket.objects[f"{BASE}manifest.json"]).table
    assert table is not None
    assert table.digests[FileName("variables/variables.index")] == (hashlib.sha256(b"index").digest(),)
    assert table.digests[FileName("assets/empty.txt")] == ()


def test_a_file_that_grows_while_it_is_read_is_refused(folder: Path) -> None:
    """A training job that still writes is named, instead of half a file being published."""
    growing = folder / "variables" / "variables.index"

    def grow(count: int) -> None:
        if count == len(b"index"):  # its own bytes went by, and no other file's
            with growing.open("ab") as file:
                file.write(b"more")

    with pytest.raises(BadFolder, match="changed while it was read"):
        look(folder, read=grow)


def test_a_version_that_is_there_is_never_changed(folder: Path) -> None:
    """Another content under the same number is refused before the first byte."""
    there = {f"{BASE}saved_model.pb": b"other"}
    bucket = FakeBucket(dict(there))
    with pytest.raises(VersionExists, match=r"saved_model\.pb"):
        upload(bucket, look(folder), base=BASE)
    assert bucket.objects == there


def test_a_foreign_file_in_the_version_is_refused(folder: Path) -> None:
    """A shard of another export would make a version that nobody checked."""
    with pytest.raises(VersionExists, match="is not in the manifest"):
        upload(FakeBucket({f"{BASE}variables/variables.data-00001-of-00002": b"x"}), look(folder), base=BASE)


def test_publishing_the_same_again_changes_nothing(folder: Path) -> None:
    """A pipeline may repeat its last step."""
    bucket = FakeBucket()
    upload(bucket, look(folder), base=BASE)
    before = dict(bucket.objects)
    assert upload(bucket, look(folder), base=BASE).was_there
    assert bucket.objects == before


def test_a_version_that_lost_a_file_is_not_made_whole_silently(folder: Path) -> None:
    """What was published and then cut is for a person to look at."""
    bucket = FakeBucket()
    upload(bucket, look(folder), base=BASE)
    del bucket.objects[f"{BASE}saved_model.pb"]
    with pytest.raises(VersionExists, match="was published before"):
        upload(bucket, look(folder), base=BASE)


def test_a_broken_upload_goes_on_where_it_stopped(folder: Path) -> None:
    """Files that arrived are not sent again; all bytes are told to the progress bar."""

    def breaks(name: str) -> None:
        if name.endswith(".index"):
            raise OSError("the line broke")

    bucket = FakeBucket(before=breaks)
    with pytest.raises(OSError, match="the line broke"):
        upload(bucket, look(folder), base=BASE)
    assert f"{BASE}manifest.json" not in bucket.objects
    arrived = len(bucket.objects)
    again = FakeBucket(dict(bucket.objects))
    told: list[int] = []
    assert upload(again, look(folder), base=BASE, moved=told.append) == Uploaded(sent=4 - arrived, resumed=arrived)
    assert sum(told) == sum(map(len, FILES.values()))
    assert f"{BASE}manifest.json" in again.objects


def test_a_file_that_changes_meanwhile_leaves_no_manifest(folder: Path) -> None:
    """Better no version than one that is not what was checked."""
    seen = look(folder)
    (folder / "saved_model.pb").write_bytes(b"newer")
    bucket = FakeBucket()
    with pytest.raises(Changed, match=r"saved_model\.pb is not what was sent"):
        upload(bucket, seen, base=BASE)
    assert f"{BASE}manifest.json" not in bucket.objects


def test_of_two_publishers_of_one_version_only_one_wins(folder: Path) -> None:
    """The second sees the first's manifest in its way."""
    bucket = FakeBucket()

    def other_publishes(name: str) -> None:
        if name.endswith("manifest.json"):
            bucket.objects.setdefault(name, b"another manifest")

    bucket.before = other_publishes
    with pytest.raises(VersionExists, match="at the same moment"):
        upload(bucket, look(folder), base=BASE)


def test_an_upload_as_of_a_training_job_has_no_manifest(folder: Path) -> None:
    """The embedded stack shows both ways."""
    bucket = FakeBucket()
    upload(bucket, look(folder), base=BASE, with_manifest=False)
    assert len(bucket.objects) == 4


def test_a_manifest_of_an_earlier_download_is_no_file_of_the_version(folder: Path) -> None:
    """What was downloaded can be uploaded again."""
    (folder / "manifest.json").write_text("{}")
    assert "manifest.json" not in files_of(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"saved_model.pb": None}, "saved_model.pb is missing"),
        ({"saved_model.pb": b""}, "saved_model.pb is empty"),
        ({"saved_model.pb": b"no graph"}, "saved_model.pb is not a SavedModel"),
        ({"variables/variables.index": None}, "variables.index is missing"),
        ({"variables/variables.index": b""}, "variables.index is empty"),
        ({"variables/variables.data-00000-of-00001": None}, r"data-\?\?\?\?\?"),
        (
            {"variables/variables.index": None, "variables/variables.data-00000-of-00001": None},
            "variables.index is missing",
        ),
    ],
)
def test_what_is_no_whole_version_is_told_before_the_upload(
    folder: Path, change: dict[str, bytes | None], words: str
) -> None:
    """The graph and the names tell most of what goes wrong with an export, as they tell the puller."""
    for name, data in change.items():
        (folder / name).unlink() if data is None else (folder / name).write_bytes(data)
    with pytest.raises(BadFolder, match=words):
        check(folder)


def test_a_whole_version_is_taken(folder: Path) -> None:
    """Its files come with their sizes."""
    assert check(folder) == {name: len(data) for name, data in FILES.items()}


def test_an_asset_that_the_graph_names_must_be_there(tmp_path: Path) -> None:
    """Nodes refuse such a version unless they are told otherwise, and so does the check."""
    export = copy_export("with_asset", tmp_path)
    for asset in (export / "assets").iterdir():
        asset.unlink()
    with pytest.raises(BadFolder, match="the graph names it"):
        check(export)
    assert check(export, require_assets=False)


def test_a_warm_up_file_that_would_fail_every_load_is_refused(tmp_path: Path) -> None:
    """Requests where logs belong, which people write, and signatures that the version does not have."""
    export = copy_export("half_plus_two", tmp_path)
    (export / "assets.extra").mkdir(exist_ok=True)
    (export / "assets.extra" / "tf_serving_warmup_requests").write_bytes(record(b"\x0a\x01m"))
    with pytest.raises(BadFolder, match="record 1 is no PredictionLog"):
        check(export)


def test_links_to_folders_are_refused(folder: Path) -> None:
    """They would be left out silently."""
    (folder / "assets.extra").symlink_to(folder / "assets")
    with pytest.raises(BadFolder, match=r"assets\.extra is a link"):
        files_of(folder)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """The sentence names the path."""
    with pytest.raises(BadFolder, match="nothing-here is no folder"):
        files_of(tmp_path / "nothing-here")


def test_checksums_are_told_as_they_go(folder: Path) -> None:
    """Every byte is counted once, and the CRC32C is the standard one."""
    told: list[int] = []
    seen = look(folder, read=told.append)
    assert sum(told) == sum(map(len, FILES.values()))
    assert seen.files[FileName("assets/empty.txt")] == Content(0, 0)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("gs://bucket/line", Target("bucket", "", ModelName("line"))),
        ("gs://bucket/line/", Target("bucket", "", ModelName("line"))),
        ("gs://bucket/line/7", Target("bucket", "", ModelName("line"), Version(7))),
        ("gs://bucket/a/b/line/7/", Target("bucket", "a/b/", ModelName("line"), Version(7))),
        ("gs://bucket/a/b/line", Target("bucket", "a/b/", ModelName("line"))),
        ("gs://bucket/2024", Target("bucket", "", ModelName("2024"))),
    ],
)
def test_addresses_are_read(url: str, target: Target) -> None:
    """The last part is the version if it is a number and not alone."""
    assert parse(url) == target


@pytest.mark.parametrize(
    "url",
    [
        *("", "bucket/line", "gs://bucket", "gs://bucket/", "s3://bucket/line", "gs://B/line", "gs://bucket/../line/7"),
        *("gs://bucket/line/007", "gs://bucket//line", "gs://bucket/line/99999999999999999999", "gs://bucket/a b"),
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """Nothing is guessed about where a model goes."""
    with pytest.raises(BadTarget):
        parse(url)


def test_the_next_version_is_higher_than_all_and_never_used_before() -> None:
    """Seconds since 1970, and one more than the highest where numbers run ahead of the clock."""
    assert next_version([], unix_time=1_750_000_000.9) == 1_750_000_000
    assert next_version([Version(3)], unix_time=1_750_000_000) == 1_750_000_000
    assert next_version([Version(20260504120000)], unix_time=1_750_000_000) == 20260504120001


def test_after_the_highest_version_there_is_no_next() -> None:
    """The sentence says what to do instead."""
    with pytest.raises(BadTarget, match="is the highest there can be"):
        next_version([Version(2**63 - 1)], unix_time=1)
