"""Who built a version: the statement beside its signature, read, checked by the same keys, and shown."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.names import FileName, ModelName, Version
from service.errors import Invalid
from service.signatures import bundle, provenance, statement
from service.signatures.assess import Signer, Trusted, Untrusted
from service.signatures.bundle import Bundle
from service.signatures.keys import PrivateKey, generate
from service.signatures.origin import Origin, origin
from service.signatures.policy import Policy, Rule
from service.signatures.provenance import BadProvenance, Provenance
from service.signatures.sign import sign_provenance
from tests.support.signing import issue

MODEL, VERSION = ModelName("ranker"), Version(7)
DIGESTS = {FileName("saved_model.pb"): "aa" * 32, FileName("variables/variables.index"): "bb" * 32}
ROOT = statement.root(DIGESTS.values())
KEY, OTHER = generate(), generate()
POLICY = Policy(keys={"release": KEY.public})
TRUSTED = Trusted(Signer("release", KEY.public.fingerprint), DIGESTS)
BUILT = Provenance("https://ci.example.com/train", "git+https://git.example.com/ranker", "0123abcd" * 5)
Edit = Callable[[dict[str, Any]], object]


def told(given: bytes | None, policy: Policy = POLICY, *, version: Version = VERSION) -> Origin:
    return origin(given, TRUSTED, MODEL, version, policy)


def made(key: PrivateKey = KEY, *, subject: str = "ranker/7", built: Provenance = BUILT) -> bytes:
    return sign_provenance(built, subject, DIGESTS, key)


def sealed(payload: bytes) -> bytes:
    unsigned = Bundle(payload, b"", KEY.public.fingerprint)
    return bundle.render(replace(unsigned, signature=KEY.sign(unsigned.signed)))


def edited(edit: Edit) -> bytes:
    document = json.loads(provenance.render(BUILT, subject="ranker/7", root=ROOT))
    edit(document)
    return json.dumps(document).encode()


def asking(*builders: str) -> Policy:
    return replace(POLICY, rules=(Rule.model_validate({"builders": builders}),))


def test_it_is_read_as_it_was_written() -> None:
    """Builder, source and commit; what is missing is left out of the sentence."""
    assert told(made()) == Origin(BUILT)
    assert str(told(made())) == f"built by {BUILT.builder} from {BUILT.source} at {BUILT.commit}"
    assert str(told(made(built=Provenance("me")))) == "built by me"
    assert str(told(made(built=Provenance("me", commit="c0")))) == "built by me at c0"
    assert str(told(None)) == ""


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda d: _sources(d, {"uri": "pkg:pypi/x", "digest": {"sha256": "aa"}}, {"digest": {"gitCommit": "c"}}), "c"),
        (lambda d: _sources(d, {"uri": "git+https://x", "digest": {"sha1": "c1"}}), "c1"),
        (lambda d: _sources(d, {"uri": "https://x", "digest": {"sha1": "c1"}}), ""),
        (lambda d: _sources(d, {"uri": "git+https://x"}), ""),
        (lambda d: d["predicate"]["buildDefinition"].pop("resolvedDependencies"), ""),
        (lambda d: d["predicate"]["runDetails"].update(metadata={"invocationId": "9"}), BUILT.commit),
        (lambda d: d["subject"].insert(0, {"name": "log", "digest": {"sha512": "aa"}}), BUILT.commit),
    ],
)
def test_other_writers_say_more(edit: Edit, found: str) -> None:
    """The first source with a commit counts; what is not known is passed over."""
    assert told(sealed(edited(edit))).provenance is not None
    assert provenance.parse(edited(edit)).provenance.commit == found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (made(OTHER), "by a key that this node does not know"),
        (made(subject="ranker/6"), "for 'ranker/6', not for 'ranker/7'"),
        (sign_provenance(BUILT, "ranker/7", {FileName("saved_model.pb"): "bb" * 32}, KEY), "about other files"),
        (sealed(statement.render(statement.Statement("ranker/7", DIGESTS))), "no provenance of SLSA v1: predicateType"),
        (b"{}", "no Sigstore bundle"),
        (b"", "cannot be read"),
        (b" " * (1024**2 + 1), "cannot be read"),
        (bundle.render(replace(bundle.parse(made()), payload=b"{}")), "changed after it was made"),
    ],
)
def test_one_that_is_not_believed_is_said_so_and_decides_nothing(data: bytes, words: str) -> None:
    """Where builders are named, it is refused for the same reason."""
    assert told(data).provenance is None
    assert words in str(told(data))
    assert str(told(data)).startswith("its provenance is not believed: ")
    with pytest.raises(Untrusted, match="not believed"):
        told(data, asking("*"))


def test_the_signature_of_the_version_is_no_provenance_and_the_other_way_round() -> None:
    """A statement of one kind is not taken for the other."""
    with pytest.raises(statement.BadStatement, match="predicateType"):
        statement.parse(provenance.render(BUILT, subject="ranker/7", root=ROOT))


def test_a_policy_can_name_builders() -> None:
    """By patterns, and then a version needs one of them."""
    assert told(made(), asking("https://other/*", "https://ci.example.com/*")).provenance == BUILT
    with pytest.raises(Untrusted, match=r"built by 'https://ci.example.com/train', who may not build"):
        told(made(), asking("https://ci.example.org/*"))
    with pytest.raises(Untrusted, match="may not build"):
        told(made(), asking())
    with pytest.raises(Untrusted, match=r"it has no provenance \(provenance.sig\)"):
        told(None, asking("*"))
    with pytest.raises(Untrusted, match="too large"):
        origin(Untrusted("too large"), TRUSTED, MODEL, VERSION, asking("*"))
    assert str(origin(Untrusted("too large"), TRUSTED, MODEL, VERSION, POLICY)).endswith("too large")


def test_a_name_that_is_not_compared_may_be_another() -> None:
    """As with the version's own signature; the files are compared all the same."""
    lenient = replace(POLICY, rules=(Rule.model_validate({"subject": "any"}),))
    assert told(made(subject="7"), lenient).provenance == BUILT


def test_certificates_sign_it_too() -> None:
    """By the same rule as the version's own signature."""
    root = issue("root", is_authority=True)
    ci = issue("ci", by=root, uri=BUILT.builder)
    data = sign_provenance(BUILT, "ranker/7", DIGESTS, ci.key, chain=[ci.certificate])
    rule = Rule.model_validate({"identities": [BUILT.builder]})
    assert told(data, Policy(authorities=(root.certificate,), rules=(rule,))).provenance == BUILT
    assert told(data, Policy(authorities=(root.certificate,))).provenance is None


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (lambda d: d.update(predicateType="https://slsa.dev/provenance/v0.2"), "predicateType"),
        (lambda d: d.update(subject=[]), "subject"),
        (lambda d: d.update(subject=d["subject"] * 1001), "subject"),
        (lambda d: d["subject"][0]["digest"].update(sha256="AA" * 32), "sha256"),
        (lambda d: d["predicate"]["runDetails"]["builder"].update(id=""), "id"),
        (lambda d: d["predicate"]["runDetails"]["builder"].update(id="x" * 3000), "id"),
        (lambda d: d["predicate"]["runDetails"]["builder"].update(id=["x"]), "id"),
        (lambda d: d["predicate"].pop("runDetails"), "runDetails"),
        (lambda d: _sources(d, *[{}] * 1001), "resolvedDependencies"),
        (lambda d: _sources(d, {"digest": {str(number): "" for number in range(21)}}), "digest"),
        (lambda d: _sources(d, {"digest": {"gitCommit": "c" * 3000}}), "gitCommit"),
    ],
)
def test_what_is_not_of_the_format_is_refused(edit: Edit, words: str) -> None:
    """The sentence names the place."""
    with pytest.raises(BadProvenance, match=words):
        provenance.parse(edited(edit))


def test_words_from_outside_are_cut_and_escaped() -> None:
    """A builder's name changes no terminal, and fills no report."""
    hostile = Provenance("ci\x1b[2J\u202e\n" + "x" * 1000, "git+" + "y" * 1000, "c" * 1000)
    shown = str(told(made(built=hostile)))
    assert shown.startswith("built by ci\\x1b[2J\\u202e\\nx")
    assert len(shown) < 700
    assert shown.isprintable()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else is raised, signed rightly or not."""
    with pytest.raises(BadProvenance):
        provenance.parse(data)
    assert told(data).doubt
    assert told(sealed(data)).doubt
    with pytest.raises(Invalid):
        told(sealed(data), asking("*"))


def _sources(document: dict[str, Any], *sources: dict[str, Any]) -> None:
    document["predicate"]["buildDefinition"]["resolvedDependencies"] = list(sources)
