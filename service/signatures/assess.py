"""Whether a version's signature is one that this node believes. Pure: bytes and policy in, a verdict out."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase

from events import wording
from events.names import FileName, ModelName, Version
from events.wording import few
from service.errors import Invalid
from service.signatures import bundle, certificates, statement
from service.signatures.bundle import Bundle
from service.signatures.policy import Policy, Rule
from service.signatures.statement import SIGNATURE_NAME

MAX_NAMED = 3
MAX_SHOWN = 200  # characters of a name


class Untrusted(Invalid):
    """A version that this node does not believe; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: the name of a key of ours, or an identity out of a certificate."""

    name: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint[:16]})"


@dataclass(frozen=True, slots=True)
class Trusted:
    """A believed signature: who made it, and the SHA-256 of every file."""

    signer: Signer
    digests: Mapping[FileName, str]


def assess(data: bytes | None, model: ModelName, version: Version, policy: Policy) -> Trusted:
    """Check a version's `model.sig` (None: it has none) by a node's policy; raises `Untrusted`.

    The files themselves are compared later: `files` says by names whether they can match, `digest` by contents.
    """
    if data is None:
        raise Untrusted(f"it has no signature ({SIGNATURE_NAME})")
    rule = policy.rule(model)
    try:
        signed = bundle.parse(data)
        by = signer(signed, policy, rule)
        read = statement.parse(signed.payload)
    except Untrusted:
        raise
    except Invalid as error:
        raise Untrusted(str(error)) from error
    wanted = statement.subject_of(model, version)
    if rule.subject == "version" and read.subject != wanted:
        raise Untrusted(f"its signature is for {read.subject!a}, not for {wanted!a}")
    return Trusted(by, read.digests)


def files(trusted: Trusted, names: Set[FileName]) -> None:
    """Compare the names of a version's files with the statement's; raises `Untrusted`."""
    found = names - statement.OUR_FILES
    if unsigned := sorted(found - trusted.digests.keys()):
        raise Untrusted(f"its signature does not cover {_listed(unsigned)}")
    if missing := sorted(trusted.digests.keys() - found):
        raise Untrusted(f"its signature covers {_listed(missing)}, which the version does not have")


def contents(trusted: Trusted, digests: Mapping[FileName, str]) -> None:
    """Compare SHA-256 of files with the statement's; raises `Untrusted`."""
    if wrong := sorted(name for name, digest in digests.items() if trusted.digests.get(name) != digest):
        raise Untrusted(f"{_listed(wrong)} differs from what was signed (SHA-256)")


def signer(signed: Bundle, policy: Policy, rule: Rule) -> Signer:
    """Find who of those whom we believe made the signature; raises `Untrusted` or another `Invalid`."""
    return _chain(signed, policy, rule) if signed.certificates else _key(signed, policy, rule)


def _key(signed: Bundle, policy: Policy, rule: Rule) -> Signer:
    """Find the key of ours that made the signature."""
    hint = signed.key_hint
    for name, key in policy.keys.items():
        if (hint and key.fingerprint != hint) or not key.verifies(signed.signature, signed.signed):
            continue
        if key.fingerprint in policy.revoked:
            raise Untrusted(f"its signature is by key {name}, which is revoked")
        if rule.keys is not None and name not in rule.keys:
            raise Untrusted(f"its signature is by key {name}, which may not sign this model")
        return Signer(name, key.fingerprint)
    if any(key.fingerprint == hint for key in policy.keys.values()):
        raise Untrusted("its signature is wrong: it was changed after it was made")
    if hint in policy.revoked:
        raise Untrusted(f"its signature is by the revoked key {hint[:16]!a}")
    by = f" ({hint[:16]!a})" if hint else ""
    raise Untrusted(f"its signature is by a key that this node does not know{by}")


def _chain(signed: Bundle, policy: Policy, rule: Rule) -> Signer:
    """Follow the certificates to an authority of ours."""
    certified = certificates.verify(signed.certificates, policy.authorities)
    if not certified.key.verifies(signed.signature, signed.signed):
        raise Untrusted("its signature is wrong: it was changed after it was made")
    if revoked := [one for one in (*certified.fingerprints, certified.key.fingerprint) if one in policy.revoked]:
        raise Untrusted(f"its signature is by a certificate or a key that is revoked ({revoked[0][:16]})")
    named = certified.identities
    accepted = [name for name in named if any(fnmatchcase(name, pattern) for pattern in rule.identities)]
    if not accepted and "*" not in rule.identities:
        raise Untrusted(f"its signature is by {_listed(named) or 'nobody named'}, who may not sign this model")
    name = (accepted or named or ("a certificate",))[0]
    return Signer(wording.in_one_line(name, most=MAX_SHOWN), certified.fingerprints[0])


def _listed(names: Sequence[str]) -> str:
    shown = [ascii(str(name))[1:-1][:MAX_SHOWN] for name in names[:MAX_NAMED]]
    return few(shown, most=MAX_NAMED, of=len(names))
