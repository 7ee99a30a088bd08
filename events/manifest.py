"""`manifest.json`: what an uploader says a version consists of, written as the version's last object.

With it a version is known to be complete at once; every file is named with size and CRC32C, and in format 2 with the
SHA-256 of each of its pieces (`events/pieces.py`). Format 1, without these, is read as ever. The manifest itself is not
a file of the version and is not published to the disk.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, TypedDict

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from events import bounds, pieces, wording
from events.bounds import AtMost
from events.names import MANIFEST_NAME, FileName
from events.pieces import Table

FORMAT: Final = "model-manager.manifest/1"
FORMAT_WITH_PIECES: Final = "model-manager.manifest/2"
MAX_MANIFEST_BYTES: Final = bounds.MANIFEST.max_bytes


class BadManifest(ValueError):
    """A `manifest.json` that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Content:
    """What makes two files equal: size in bytes and CRC32C."""

    size: int
    crc32c: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version's files, and the SHA-256 of their pieces where the uploader said them."""

    files: Mapping[FileName, Content]
    table: Table | None


def encode_crc32c(value: int) -> str:
    """Write a CRC32C as Cloud Storage does: base64 of four big-endian bytes."""
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def decode_crc32c(text: str) -> int:
    """Read a CRC32C as Cloud Storage writes it; ValueError where it is none."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != 4:
        raise ValueError("a CRC32C has four bytes")
    return int.from_bytes(raw, "big")


def _check_crc32c(text: str) -> str:
    decode_crc32c(text)
    return text


class _Fields(TypedDict):
    name: FileName
    size: int
    crc32c: str


class _File(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    name: FileName
    size: NonNegativeInt
    crc32c: Annotated[str, AfterValidator(_check_crc32c)]


class _Manifest(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    format: Literal["model-manager.manifest/1"]
    files: Annotated[list[_File], AtMost(bounds.MAX_FILES)] = Field(min_length=1)


class _FileWithPieces(_File):
    pieces: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], AtMost(bounds.MAX_PIECES)]

    @model_validator(mode="after")
    def _all_pieces(self) -> Self:
        if len(self.pieces) != (wanted := pieces.count(self.size)):
            raise ValueError(f"{len(self.pieces)} pieces, a file of {self.size} bytes has {wanted}")
        return self


class _ManifestWithPieces(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    format: Literal["model-manager.manifest/2"]
    files: Annotated[list[_FileWithPieces], AtMost(bounds.MAX_FILES)] = Field(min_length=1)


_READER: Final = TypeAdapter[_Manifest | _ManifestWithPieces](
    Annotated[_Manifest | _ManifestWithPieces, Field(discriminator="format")], config=ConfigDict(defer_build=True)
)


def render(files: Mapping[FileName, Content], table: Table | None = None) -> bytes:
    """Write a manifest; of format 2 where the table has every piece and the document keeps within bounds."""
    if table is not None and all(len(table.digests.get(name, ())) == pieces.count(files[name].size) for name in files):
        data = _render_with_pieces(files, table)
        if not bounds.MANIFEST.problem(data):
            return data
    entries = [_File(**_fields(name, content)) for name, content in sorted(files.items())]
    return _Manifest(format=FORMAT, files=entries).model_dump_json(indent=2).encode()


def parse(data: bytes) -> dict[FileName, Content]:
    """Read which files a manifest names; `BadManifest` says what is wrong with it."""
    return dict(read(data).files)


def read(data: bytes) -> Manifest:
    """Read a manifest of either format; `BadManifest` says what is wrong with it."""
    if problem := bounds.MANIFEST.problem(data):
        raise BadManifest(f"{MANIFEST_NAME} is {problem}")
    try:
        manifest = _READER.validate_json(data)
    except ValidationError as error:
        raise BadManifest(
            f"{MANIFEST_NAME} is not a {FORMAT} or {FORMAT_WITH_PIECES} document: "
            + wording.problems(error, rename=_place)
        ) from error
    files = {file.name: Content(file.size, decode_crc32c(file.crc32c)) for file in manifest.files}
    if len(files) != len(manifest.files):
        raise BadManifest(f"{MANIFEST_NAME} names a file twice")
    return Manifest(files, _table(manifest))


def _place(path: str) -> str:
    """Name a field without the format that it was read by."""
    return path.removeprefix(f"{FORMAT}.").removeprefix(f"{FORMAT_WITH_PIECES}.")


def _render_with_pieces(files: Mapping[FileName, Content], table: Table) -> bytes:
    entries = [
        _FileWithPieces(**_fields(name, content), pieces=[digest.hex() for digest in table.digests[name]])
        for name, content in sorted(files.items())
    ]
    return _ManifestWithPieces(format=FORMAT_WITH_PIECES, files=entries).model_dump_json(indent=2).encode()


def _fields(name: FileName, content: Content) -> _Fields:
    return {"name": name, "size": content.size, "crc32c": encode_crc32c(content.crc32c)}


def _table(manifest: _Manifest | _ManifestWithPieces) -> Table | None:
    if isinstance(manifest, _Manifest):
        return None
    return Table({file.name: tuple(map(bytes.fromhex, file.pieces)) for file in manifest.files})


def differences(manifest: Mapping[FileName, Content], listed: Mapping[FileName, Content]) -> tuple[str, ...]:
    """Say in words where the bucket's list and the manifest disagree; empty when they match."""
    return tuple(
        sentence
        for name in sorted(manifest.keys() | listed.keys())
        if (sentence := _difference(name, manifest.get(name), listed.get(name)))
    )


def _difference(name: FileName, wanted: Content | None, found: Content | None) -> str | None:
    if found is None:
        return f"{name} is missing"
    if wanted is None:
        return f"{name} is not in the manifest"
    if found.size != wanted.size:
        return f"{name} has {found.size} bytes, the manifest says {wanted.size}"
    if found.crc32c != wanted.crc32c:
        return f"{name} has other content than the manifest says (CRC32C differs)"
    return None
