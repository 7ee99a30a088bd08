"""What is signed: an in-toto statement that names a version and the SHA-256 of each of its files. Pure.

The format is OpenSSF Model Signing v1, predicate `https://model_signing/signature/v1.0`, with whole files as resources.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.bounds import MAX_FILES, MIB, AtMost, Bounds
from events.names import MANIFEST_NAME, FileName, ModelName, Version
from service.errors import Invalid
from service.signatures import strict_json

SIGNATURE_NAME: Final = FileName("model.sig")
PROVENANCE_NAME: Final = FileName("provenance.sig")
# Files of a version's folder that are never part of it.
OUR_FILES: Final = frozenset({FileName(MANIFEST_NAME), SIGNATURE_NAME, PROVENANCE_NAME})
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
BOUNDS: Final = Bounds(
    24 * MIB, max_values=5 * MAX_FILES
)  # of a file: an object of three fields, a path of 1,024 bytes

_IGNORE = ConfigDict(extra="ignore", frozen=True)  # the format: what a verifier does not know it passes over
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BadStatement(Invalid):
    """A statement that is not of this format, or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A name and the SHA-256 of every file, in hexadecimal."""

    subject: str
    digests: Mapping[FileName, str]


class _SubjectDigest(BaseModel):
    model_config = _IGNORE
    sha256: Sha256


class _Subject(BaseModel):
    model_config = _IGNORE
    name: Annotated[str, Field(min_length=1, max_length=1024)]
    digest: _SubjectDigest


class _Resource(BaseModel):
    model_config = _IGNORE
    name: FileName
    algorithm: Literal["sha256"]
    digest: Sha256


class _Serialization(BaseModel):
    model_config = _IGNORE
    method: Literal["files"]
    hash_type: Literal["sha256"] = "sha256"
    allow_symlinks: bool = False
    ignore_paths: Annotated[list[str], AtMost(1000)] = []


class _Predicate(BaseModel):
    model_config = _IGNORE
    serialization: _Serialization
    resources: Annotated[list[_Resource], AtMost(MAX_FILES), Field(min_length=1)]


class _Statement(BaseModel):
    model_config = _IGNORE
    statement_type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], AtMost(1), Field(min_length=1)]
    predicate_type: Literal["https://model_signing/signature/v1.0"] = Field(alias="predicateType")
    predicate: _Predicate


def subject_of(model: ModelName, version: Version) -> str:
    """Return the name under which a version is signed: an old one must not come back under a new number."""
    return f"{model}/{version}"


def root(digests: Iterable[str]) -> str:
    """Return the digest of all digests, in the order in which the statement has them: the subject's own."""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in digests)).hexdigest()


def render(statement: Statement) -> bytes:
    """Write a statement."""
    names = sorted(statement.digests)
    resources = [{"name": name, "algorithm": "sha256", "digest": statement.digests[name]} for name in names]
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": statement.subject, "digest": {"sha256": root(statement.digests[name] for name in names)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": sorted(OUR_FILES),
            },
            "resources": resources,
        },
    }
    return json.dumps(document, indent=2).encode()


def parse(data: bytes) -> Statement:
    """Read a statement whose signature was verified; `BadStatement` says what is wrong with it."""
    try:
        read = _Statement.model_validate(strict_json.loads(data, BOUNDS))
    except strict_json.BadJson as error:
        raise BadStatement(f"the signed statement cannot be read: {error}") from error
    except ValidationError as error:
        raise BadStatement(f"the signed statement is not of the format: {wording.problems(error)}") from error
    resources = read.predicate.resources
    digests = {one.name: one.digest for one in resources}
    if len(digests) != len(resources):
        raise BadStatement("the signed statement names a file twice")
    if own := sorted(OUR_FILES & digests.keys()):
        raise BadStatement(f"the signed statement names {own[0]}, which is no file of a version")
    if root(one.digest for one in resources) != read.subject[0].digest.sha256:
        raise BadStatement("the signed statement contradicts itself: its own digest is not that of its files")
    return Statement(wording.in_one_line(read.subject[0].name), digests)
