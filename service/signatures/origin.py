"""What a version's provenance is worth to this node. Pure: bytes and policy in, words out.

It is checked by the same keys as the signature. It decides nothing, unless a rule of the policy names builders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from events import wording
from events.names import ModelName, Version
from service.errors import Invalid
from service.signatures import assess, bundle, provenance, statement
from service.signatures.assess import Trusted, Untrusted
from service.signatures.policy import Policy, Rule
from service.signatures.provenance import Provenance
from service.signatures.statement import PROVENANCE_NAME


@dataclass(frozen=True, slots=True)
class Origin:
    """A version's provenance, or why the one that is there is not believed; nothing where there is none."""

    provenance: Provenance | None = None
    doubt: str = ""

    def __str__(self) -> str:
        if self.doubt:
            return wording.in_one_line(f"its provenance is not believed: {self.doubt}")
        return str(self.provenance) if self.provenance else ""


Given = bytes | Untrusted | None  # a file's bytes, or why they cannot be looked at; None where there is none


def origin(given: Given, trusted: Trusted, model: ModelName, version: Version, policy: Policy) -> Origin:
    """Check a version's `provenance.sig` by a node's policy.

    Raises `Untrusted` where the policy names builders and none of them is in it.
    """
    rule = policy.rule(model)
    found = _origin(given, trusted, statement.subject_of(model, version), policy, rule)
    if rule.builders is not None:
        _require(found, rule.builders)
    return found


def _origin(given: Given, trusted: Trusted, subject: str, policy: Policy, rule: Rule) -> Origin:
    if given is None:
        return Origin()
    if isinstance(given, Untrusted):
        return Origin(doubt=str(given))
    try:
        signed = bundle.parse(given, provenance.BUNDLE_BOUNDS)
        assess.signer(signed, policy, rule)
        read = provenance.parse(signed.payload)
    except Invalid as error:
        return Origin(doubt=str(error))
    root = statement.root(trusted.digests.values())
    names = sorted(name for digest, name in read.subjects if digest == root)
    if not names:
        return Origin(doubt="it is about other files")
    if rule.subject == "version" and subject not in names:
        return Origin(doubt=f"it is for {names[0]!a}, not for {subject!a}")
    return Origin(read.provenance)


def _require(found: Origin, builders: Sequence[str]) -> None:
    if found.doubt:
        raise Untrusted(str(found))
    if found.provenance is None:
        raise Untrusted(f"it has no provenance ({PROVENANCE_NAME}), and only some builders are believed")
    if not any(fnmatchcase(found.provenance.builder, pattern) for pattern in builders):
        raise Untrusted(f"it was built by {found.provenance.builder!a}, who may not build this model")
