"""Where a version comes from: an in-toto statement with SLSA's provenance beside the signature. Pure.

It is a statement of its own, `provenance.sig`, signed as `model.sig` is and about the same files: its subject has the
digest that `model.sig` has. Of SLSA's predicate the builder is read, and the first source with a commit.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.bounds import MIB, AtMost, Bounds
from service.errors import Invalid
from service.signatures import strict_json
from service.signatures.statement import PROVENANCE_NAME, STATEMENT_TYPE, Sha256

PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://in-toto.io/attestation/unspecified"  # of what `publish --provenance` writes
MAX_SUBJECTS: Final = 1000
MAX_SOURCES: Final = 1000
MAX_NAME: Final = 2048  # characters of a builder, a source, or a subject, as they are read
MAX_SHOWN: Final = 200  # characters of each, as they are kept
BUNDLE_BOUNDS: Final = Bounds(MIB, max_values=100)  # the statement is in it as base64
BOUNDS: Final = Bounds(MIB, max_values=20_000)

_IGNORE = ConfigDict(extra="ignore", frozen=True)
Name = Annotated[str, Field(max_length=MAX_NAME)]


class BadProvenance(Invalid):
    """A provenance that is not of the format."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who built a version, out of what; empty where it is not said."""

    builder: str
    source: str = ""
    commit: str = ""

    def __str__(self) -> str:
        source = f" from {self.source}" if self.source else ""
        return f"built by {self.builder}{source}{f' at {self.commit}' if self.commit else ''}"


@dataclass(frozen=True, slots=True)
class Read:
    """A provenance with what it is about: SHA-256 and name of each subject."""

    provenance: Provenance
    subjects: frozenset[tuple[str, str]]


class _Digest(BaseModel):
    model_config = _IGNORE
    sha256: Sha256 | None = None


class _Subject(BaseModel):
    model_config = _IGNORE
    name: Name = ""
    digest: _Digest


class _Source(BaseModel):
    model_config = _IGNORE
    uri: Name = ""
    digest: Annotated[dict[Name, Name], AtMost(20)] = {}


class _Definition(BaseModel):
    model_config = _IGNORE
    sources: Annotated[list[_Source], AtMost(MAX_SOURCES)] = Field([], alias="resolvedDependencies")


class _Builder(BaseModel):
    model_config = _IGNORE
    id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class _Run(BaseModel):
    model_config = _IGNORE
    builder: _Builder


class _Predicate(BaseModel):
    model_config = _IGNORE
    definition: _Definition = Field(alias="buildDefinition")
    run: _Run = Field(alias="runDetails")


class _Statement(BaseModel):
    model_config = _IGNORE
    statement_type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[list[_Subject], AtMost(MAX_SUBJECTS), Field(min_length=1)]
    predicate_type: Literal["https://slsa.dev/provenance/v1"] = Field(alias="predicateType")
    predicate: _Predicate


def render(provenance: Provenance, *, subject: str, root: str) -> bytes:
    """Write a provenance about a version: its name, and the digest that its signed statement has."""
    source: dict[str, object] = {"uri": provenance.source} if provenance.source else {}
    if provenance.commit:
        source["digest"] = {"gitCommit": provenance.commit}
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": subject, "digest": {"sha256": root}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {},
                "resolvedDependencies": [source] if source else [],
            },
            "runDetails": {"builder": {"id": provenance.builder}},
        },
    }
    return json.dumps(document, indent=2).encode()


def parse(data: bytes) -> Read:
    """Read a provenance whose signature was verified; `BadProvenance` says what is wrong with it."""
    try:
        read = _Statement.model_validate(strict_json.loads(data, BOUNDS))
    except strict_json.BadJson as error:
        raise BadProvenance(f"{PROVENANCE_NAME} cannot be read: {error}") from error
    except ValidationError as error:
        raise BadProvenance(f"{PROVENANCE_NAME} is no provenance of SLSA v1: {wording.problems(error)}") from error
    source, commit = _source(read.predicate.definition.sources)
    builder = read.predicate.run.builder.id
    provenance = Provenance(*(wording.in_one_line(words, most=MAX_SHOWN) for words in (builder, source, commit)))
    subjects = ((one.digest.sha256, wording.in_one_line(one.name)) for one in read.subject if one.digest.sha256)
    return Read(provenance, frozenset(subjects))


def _source(sources: Iterable[_Source]) -> tuple[str, str]:
    """Find the first source with a commit of git; SLSA has images and packages in the same list."""
    for source in sources:
        if commit := source.digest.get("gitCommit") or (
            source.digest.get("sha1", "") if source.uri.startswith("git+") else ""
        ):
            return source.uri, commit
    return next(((source.uri, "") for source in sources if source.uri.startswith("git+")), ("", ""))
