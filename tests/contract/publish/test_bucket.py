"""A bucket as `publish` needs it: the one in memory and Google's client on a real server behave alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from master.cli.google.storage import GoogleBucket, connect
from master.cli.publish.folder import content_of, of_bytes
from master.cli.publish.upload import Bucket
from tests.fakes.publishing import FakeBucket
from tests.support.stack import GcsServer


@pytest.fixture(params=["memory", "google"])
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    if request.param == "memory":
        yield FakeBucket()
        return
    server: GcsServer = request.getfixturevalue("gcs_server")
    yield GoogleBucket(connect(server.project, emulator=server.url), server.bucket.name)


def test_what_is_created_is_listed_with_size_and_checksum(bucket: Bucket, tmp_path: Path) -> None:
    """Files, empty files and bytes; only below the prefix."""
    (tmp_path / "a").write_bytes(b"weights")
    (tmp_path / "empty").write_bytes(b"")
    told: list[int] = []
    assert bucket.create_file("m/1/a", tmp_path / "a", moved=told.append) == content_of(tmp_path / "a")
    bucket.create_file("m/1/empty", tmp_path / "empty")
    assert bucket.create("m/2/b", b"other") == of_bytes(b"other")
    assert sum(told) == 7
    assert bucket.contents("m/1/") == {"m/1/a": of_bytes(b"weights"), "m/1/empty": of_bytes(b"")}


def test_what_is_there_stays_and_is_what_is_returned(bucket: Bucket, tmp_path: Path) -> None:
    """The second writer sees that it was not his."""
    (tmp_path / "a").write_bytes(b"second")
    bucket.create("m/1/a", b"first")
    assert bucket.create_file("m/1/a", tmp_path / "a") == of_bytes(b"first")
    assert bucket.create("m/1/a", b"second") == of_bytes(b"first")
    assert bucket.contents("m/") == {"m/1/a": of_bytes(b"first")}


def test_an_empty_prefix_lists_nothing_of_others(bucket: Bucket) -> None:
    """Nothing there is an empty answer, not an error."""
    assert bucket.contents("nothing/") == {}
