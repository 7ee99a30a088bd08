"""Which children of a base path are versions, and which of them a policy aspires to.

Pure. The rules are TensorFlow Serving's, its carelessness included: names are parsed like numbers are (blanks, signs
and leading zeros pass), and nobody asks whether a child is a directory or what it holds.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from tensorflow_serving.config.file_system_storage_path_source_pb2 import FileSystemStoragePathSourceConfig

Policy: TypeAlias = FileSystemStoragePathSourceConfig.ServableVersionPolicy

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, order=True)
class ServableId:
    """A version of a model, printed as TensorFlow Serving prints it."""

    model: str
    version: int

    def __str__(self) -> str:
        return f"{{name: {self.model} version: {self.version}}}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version on disk: its number and the name of its directory."""

    version: int
    child: str


def parse_version(child: str) -> int | None:
    """Read a child's name as a version number, or return None."""
    if (match := _NUMBER.fullmatch(child)) is None:
        return None
    number = int(match.group(1))
    return number if number in _INT64 else None


def choose(policy: Policy, children: Collection[str]) -> list[Candidate]:
    """Return what the policy aspires to among the children of a base path."""
    candidates = _candidates(children)
    match policy.WhichOneof("policy_choice"):
        case "all":
            return candidates  # two names of one number both stay; the manager takes the first
        case "specific":
            wanted = set(policy.specific.versions)
            return [candidate for candidate in _distinct(candidates) if candidate.version in wanted]
        case _:
            return _distinct(candidates)[-max(policy.latest.num_versions, 1) :]


def duplicates(children: Collection[str]) -> list[int]:
    """Return the numbers that more than one child spells."""
    candidates = _candidates(children)
    return sorted({one.version for one in candidates if one not in _distinct(candidates)})


def _candidates(children: Collection[str]) -> list[Candidate]:
    parsed = ((parse_version(child), child) for child in sorted(children))
    return [Candidate(version, child) for version, child in parsed if version is not None]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    by_version = {candidate.version: candidate for candidate in candidates}  # of two names for one number the last wins
    return [by_version[version] for version in sorted(by_version)]
