"""Whom a node believes: public keys, authorities, revocations and rules, all files of the node.

Not desired state: whoever steals a master's key must not be able to add trust. In the folder:

    policy.toml         rules by model, the first that fits counts; without it every key may sign every model
    keys/NAME.pem       public keys
    authorities/*.pem   certificates of authorities
    revoked             fingerprints of keys and certificates that no longer count, a line each, # for comments
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.bounds import AtMost
from events.names import ModelName
from service.errors import ModelManagerError
from service.files import is_folder
from service.signatures import certificates, keys
from service.signatures.keys import BadKey, PublicKey

MAX_FILES = 100  # of keys, and of authorities
MAX_RULES = 1000
MAX_ENTRIES = 100  # keys or identities of one rule

Mode = Literal["off", "warn", "require"]
Pattern = Annotated[str, Field(min_length=1, max_length=256)]


class BadPolicy(ModelManagerError):
    """A policy folder that cannot be read as one. Nothing is trusted by it."""


class Rule(BaseModel):
    """What holds for the models that a pattern fits (`*`, `?`, `[…]`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Pattern = "*"
    mode: Mode | None = Field(default=None, description="instead of MM_SIGNATURES")
    keys: Annotated[tuple[Pattern, ...], AtMost(MAX_ENTRIES)] | None = Field(
        default=None, description="names of the keys that may sign, without .pem; all where this is missing"
    )
    identities: Annotated[tuple[Pattern, ...], AtMost(MAX_ENTRIES)] = Field(
        default=(),
        description="patterns of who may sign with a certificate: mail addresses, URIs, DNS names; nobody without",
    )
    builders: Annotated[tuple[Pattern, ...], AtMost(MAX_ENTRIES)] | None = Field(
        default=None, description="patterns of who may have built a version, by its provenance; nobody asks without"
    )
    subject: Literal["version", "any"] = Field(
        default="version", description="any takes a signature that names something else than MODEL/VERSION"
    )


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rules: Annotated[tuple[Rule, ...], AtMost(MAX_RULES)] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the folder says."""

    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    authorities: tuple[x509.Certificate, ...] = ()
    revoked: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()

    def rule(self, model: ModelName) -> Rule:
        """Return the rule that counts for a model."""
        return next((rule for rule in self.rules if fnmatchcase(model, rule.models)), Rule())


def load(folder: Path) -> Policy:
    """Read the folder; `BadPolicy` says what is wrong with which file."""
    if not is_folder(folder):
        raise BadPolicy(f"{folder} is no folder")
    try:
        known = {path.stem: keys.load_public(path) for path in _pems(folder / "keys")}
        authorities = [one for path in _pems(folder / "authorities") for one in certificates.load_all(path)]
        revoked = _revoked(folder / "revoked")
        rules = _rules(folder / "policy.toml")
    except BadKey as error:
        raise BadPolicy(str(error)) from error
    except OSError as error:
        raise BadPolicy(f"{error.filename or folder} cannot be read: {error.strerror}") from error
    unknown = sorted({name for rule in rules for name in rule.keys or ()} - known.keys())
    if unknown:
        raise BadPolicy(f"{folder / 'policy.toml'} names key {unknown[0]!a}, and there is no keys/{unknown[0]}.pem")
    return Policy(known, tuple(authorities), revoked, rules)


def _pems(folder: Path) -> list[Path]:
    """The key files of a folder; links are followed, as container engines and Kubernetes mount secrets."""
    if not folder.exists():
        return []
    paths = sorted(path for path in folder.iterdir() if path.suffix == ".pem" and path.is_file())
    if len(paths) > MAX_FILES:
        raise BadPolicy(f"{folder} has more than {MAX_FILES} files")
    return paths


def _revoked(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    lines = [line.partition("#")[0].strip().lower() for line in keys.read(path).decode("utf-8", "replace").splitlines()]
    fingerprints = [line.replace(":", "") for line in lines if line]
    if wrong := [one for one in fingerprints if len(one) != 64 or not set(one) <= set("0123456789abcdef")]:
        raise BadPolicy(f"{path} has {wrong[0][:80]!a}, which is no SHA-256 in hexadecimal")
    return frozenset(fingerprints)


def _rules(path: Path) -> tuple[Rule, ...]:
    if not path.exists():
        return ()
    try:
        return _Document.model_validate(tomllib.loads(keys.read(path).decode("utf-8"))).rules
    except ValidationError as error:
        raise BadPolicy(f"{path}: {wording.problems(error)}") from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number of 5,000 digits, or nested too deeply
        raise BadPolicy(f"{path} is no TOML document: {wording.of_library(error)}") from error
