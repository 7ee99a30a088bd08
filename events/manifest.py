"""`manifest.json`: what an uploader says a version consists of, written as the version's last object.

With it a version is known to be complete at once; every file is named with size and CRC32C. The manifest itself is
not a file of the version and is not published to the disk.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from events import bounds, wording
from events.bounds import AtMost
from events.names import MANIFEST_NAME, FileName

FORMAT: Final = "model-manager.manifest/1"
MAX_MANIFEST_BYTES: Final = bounds.MANIFEST.max_bytes


class BadManifest(ValueError):
    """A `manifest.json` that cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Content:
    """What makes two files equal: size in bytes and CRC32C."""

    size: int
    crc32c: int


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


class _File(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    name: FileName
    size: NonNegativeInt
    crc32c: Annotated[str, AfterValidator(_check_crc32c)]


class _Manifest(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    format: Literal["model-manager.manifest/1"]
    files: Annotated[list[_File], AtMost(bounds.MAX_FILES)] = Field(min_length=1)


def render(files: Mapping[FileName, Content]) -> bytes:
    """Write a manifest."""
    entries = [
        _File(name=name, size=content.size, crc32c=encode_crc32c(content.crc32c))
        for name, content in sorted(files.items())
    ]
    return _Manifest(format=FORMAT, files=entries).model_dump_json(indent=2).encode()


def parse(data: bytes) -> dict[FileName, Content]:
    """Read a manifest; `BadManifest` says what is wrong with it."""
    if problem := bounds.MANIFEST.problem(data):
        raise BadManifest(f"{MANIFEST_NAME} is {problem}")
    try:
        manifest = _Manifest.model_validate_json(data)
    except ValidationError as error:
        raise BadManifest(f"{MANIFEST_NAME} is not a {FORMAT} document: {wording.problems(error)}") from error
    files = {file.name: Content(file.size, decode_crc32c(file.crc32c)) for file in manifest.files}
    if len(files) != len(manifest.files):
        raise BadManifest(f"{MANIFEST_NAME} names a file twice")
    return files


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
