"""Manifests: read strictly, compared in words."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import manifest
from events.manifest import BadManifest, Content, Manifest
from events.names import FileName
from events.pieces import Table, count

CONTENTS = st.builds(Content, st.integers(0, 2**50), st.integers(0, 2**32 - 1))
FILES = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}(/[a-z0-9.-]{1,8}[a-z]){0,3}", fullmatch=True).map(FileName.parse), CONTENTS, min_size=1
)


@given(FILES)
def test_manifest_is_read_as_it_was_written(files: dict[FileName, Content]) -> None:
    """What an uploader writes is what a puller sees."""
    assert manifest.parse(manifest.render(files)) == files


def document(**change: object) -> bytes:
    file = {"name": "saved_model.pb", "size": 1, "crc32c": "AAAAAA=="} | change
    return json.dumps({"format": manifest.FORMAT, "files": [file]}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": "something else", "files": []}',
        json.dumps({"format": manifest.FORMAT, "files": []}).encode(),
        document(name="../escape"),
        document(name="/etc/passwd"),
        document(size=-1),
        document(size="many"),
        document(crc32c="AAAA"),
        document(crc32c="not base64"),
    ],
)
def test_anything_else_is_no_manifest(data: bytes) -> None:
    """A document of another kind, or with a dangerous name, is refused with what is wrong."""
    with pytest.raises(BadManifest, match="manifest"):
        manifest.parse(data)


def test_file_named_twice_is_refused() -> None:
    """A manifest that contradicts itself is no manifest."""
    one = json.loads(document())
    one["files"] *= 2
    with pytest.raises(BadManifest, match="twice"):
        manifest.parse(json.dumps(one).encode())


def test_fields_of_later_formats_are_ignored() -> None:
    """A manifest from a newer uploader is readable while its format's name is the same."""
    assert manifest.parse(document(sha256="x"))


def test_each_difference_is_a_sentence() -> None:
    """An operator reads which file is missing or differs, and how."""
    wanted = {FileName(name): Content(1, 1) for name in ("a", "b", "c")}
    listed = {FileName("b"): Content(2, 1), FileName("c"): Content(1, 2), FileName("d"): Content(1, 1)}
    assert manifest.differences(wanted, listed) == (
        "a is missing",
        "b has 2 bytes, the manifest says 1",
        "c has other content than the manifest says (CRC32C differs)",
        "d is not in the manifest",
    )


@given(FILES)
def test_equal_lists_have_no_difference(files: dict[FileName, Content]) -> None:
    """Complete means nothing differs."""
    assert manifest.differences(files, files) == ()


def test_crc32c_is_written_as_cloud_storage_does() -> None:
    """CRC32C of b'123456789' is 0xE3069283 (RFC 3720), and base64 of its bytes."""
    assert manifest.encode_crc32c(0xE3069283) == "4waSgw=="
    assert manifest.decode_crc32c("4waSgw==") == 0xE3069283


@given(FILES)
def test_pieces_are_read_as_they_were_written(files: dict[FileName, Content]) -> None:
    """The SHA-256 of every piece comes back, in its order; where one is unknown none is said."""
    files = {name: Content(content.size % 2**27, content.crc32c) for name, content in files.items()}
    digests = {
        name: tuple(hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(count(content.size)))
        for name, content in files.items()
    }
    found = manifest.read(manifest.render(files, Table(digests)))
    assert found == Manifest(files, Table(digests))
    larger = {name: Content(content.size + 2**30, 0) for name, content in files.items()}
    assert manifest.read(manifest.render(larger, Table(digests))) == Manifest(larger, None)


def test_a_manifest_without_pieces_is_read() -> None:
    """What earlier releases published stays good."""
    assert manifest.read(document()).table is None


@pytest.mark.parametrize("wrong", [[], ["0" * 64, "0" * 64], ["0" * 63], ["G" * 64], "0" * 64, None])
def test_wrong_pieces_are_refused(wrong: object) -> None:
    """A table that does not fit its files would have right bytes refused."""
    written = json.loads(document(pieces=wrong)) | {"format": manifest.FORMAT_WITH_PIECES}
    with pytest.raises(BadManifest, match=r"document: files\.0(\.pieces(\.0)?)?: "):
        manifest.read(json.dumps(written).encode())


def test_too_many_pieces_for_the_bounds() -> None:
    """A document that would be too big to be read is written without its pieces."""
    names = [FileName(f"assets/{'long' * 50}/{number}") for number in range(50_000)]
    table = Table(dict.fromkeys(names, (b"\0" * 32,)))
    written = manifest.render(dict.fromkeys(names, Content(1, 1)), table)
    assert manifest.read(written).table is None
