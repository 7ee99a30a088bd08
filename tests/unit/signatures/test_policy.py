"""The policy folder: what it may hold, and what is said of one that cannot be read."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.names import ModelName
from service.signatures.keys import BadKey, generate, load_private, load_public
from service.signatures.policy import BadPolicy, load
from tests.support.mutations import damaged
from tests.support.signing import issue, other_kind_of_key, write

KEY = generate()
PEM = KEY.public.pem
ROOT = issue("root", is_authority=True)


def test_a_folder_names_keys_authorities_revocations_and_rules(tmp_path: Path) -> None:
    """The first rule that fits a model counts; without one every key may sign it."""
    fingerprint = KEY.public.fingerprint
    rules = b'[[rules]]\nmodels = "ranker-*"\nmode = "warn"\nkeys = ["release"]\n[[rules]]\nmodels = "ranker-?"\n'
    revoked = f"# lost on a train\n{fingerprint[:2].upper()}:{fingerprint[2:]} # laptop\n\n".encode()
    files = {"keys/release.pem": PEM, "authorities/root.pem": ROOT.pem, "policy.toml": rules, "revoked": revoked}
    policy = load(write(tmp_path, {**files, "keys/README": b"?"}))
    assert policy.keys == {"release": KEY.public}
    assert policy.authorities == (ROOT.certificate,)
    assert policy.revoked == {fingerprint}
    assert policy.rule(ModelName("ranker-7")).mode == "warn"
    assert policy.rule(ModelName("other")).keys is None
    assert policy.rule(ModelName("other")).identities == ()


def test_an_empty_folder_trusts_nobody(tmp_path: Path) -> None:
    """It is a policy, too."""
    assert load(tmp_path).keys == {}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"keys/a.pem": b"x"}, "no public key"),
        ({"keys/a.pem": other_kind_of_key()}, "no key that can sign"),
        ({"keys/a.pem": b"x" * 100_000}, "no file of keys"),
        ({"authorities/a.pem": b"x"}, "no certificates"),
        ({"revoked": b"abc"}, "no SHA-256"),
        ({"policy.toml": b"rules = 1"}, "rules"),
        ({"policy.toml": b"rules = ["}, "no TOML"),
        ({"policy.toml": b"\xff"}, "no TOML"),
        ({"policy.toml": b"rules = " + b"9" * 5000}, "no TOML"),
        ({"policy.toml": b"rules = " + b"[" * 20_000}, "no TOML"),
        ({"policy.toml": b"rules = " + b"{a=" * 10_000}, "no TOML"),
        ({"policy.toml": b"rules" + b".a" * 10_000 + b" = 1"}, "rules"),
        ({"policy.toml": b"#" * 100_000}, "no file of keys"),
        ({"policy.toml": b'[[rules]]\nmode = "off"\nmode = "warn"'}, "no TOML"),
        ({"policy.toml": b"[[rules]]\n" * 1001}, "rules"),
        ({"policy.toml": b"[[rules]]\nkeys = [" + b'"a",' * 101 + b"]"}, "keys"),
        ({"policy.toml": b'[[rules]]\nmodels = ""'}, "models"),
        ({"policy.toml": b'[[rules]]\nkeys = ["../release"]'}, "no keys/"),
        ({"policy.toml/x": b""}, "cannot be read"),
        ({"revoked/x": b""}, "cannot be read"),
        ({"revoked": b"aa" * 31}, "no SHA-256"),
        ({"revoked": "\uff41".encode() * 64}, "no SHA-256"),
        ({"policy.toml": b'[[rules]]\nmood = "off"'}, "mood"),
        ({"policy.toml": b'[[rules]]\nkeys = ["gone"]'}, "no keys/gone.pem"),
        ({f"keys/{number}.pem": PEM for number in range(101)}, "more than 100"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, files: Mapping[str, bytes], words: str) -> None:
    """The file and what is wrong with it."""
    with pytest.raises(BadPolicy, match=words) as caught:
        load(write(tmp_path, files))
    assert str(tmp_path) in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    with pytest.raises(BadPolicy, match="no folder"):
        load(tmp_path / "gone")


def test_keys_go_to_files_and_back(tmp_path: Path) -> None:
    """Plain or with a password; a wrong one is said."""
    write(tmp_path, {"plain": KEY.pem(), "locked": KEY.pem(b"secret"), "public": PEM})
    assert load_private(tmp_path / "plain").public == KEY.public
    assert load_private(tmp_path / "locked", password=b"secret").public == KEY.public
    assert load_public(tmp_path / "public") == KEY.public
    with pytest.raises(BadKey, match="is encrypted, and no password"):
        load_private(tmp_path / "locked")
    with pytest.raises(BadKey, match="the password is wrong"):
        load_private(tmp_path / "locked", password=b"other")
    with pytest.raises(BadKey, match="not encrypted, but a password"):
        load_private(tmp_path / "plain", password=b"other")
    with pytest.raises(BadKey, match="no private key"):
        load_private(tmp_path / "public")


SOUND = {
    "keys/release.pem": PEM,
    "authorities/root.pem": ROOT.pem,
    "revoked": f"{KEY.public.fingerprint}\n".encode(),
    "policy.toml": b'[[rules]]\nmodels = "r*"\nmode = "require"\nkeys = ["release"]\nidentities = ["*"]\n',
}


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_a_damaged_folder_is_read_or_named(name: str, data: st.DataObject) -> None:
    """Nothing else is raised, and no key comes out of it that was not there."""
    with TemporaryDirectory() as place:
        folder = write(Path(place), {**SOUND, name: data.draw(damaged(SOUND[name]))})
        try:
            policy = load(folder)
        except BadPolicy as error:
            words = str(error)
            assert place in words
        else:
            assert all(key == KEY.public for key in policy.keys.values())


@given(st.sampled_from(sorted(SOUND)), st.binary(max_size=200))
def test_any_bytes_in_a_folder_are_read_or_named(name: str, data: bytes) -> None:
    """A file that is none of its kind believes nobody."""
    with TemporaryDirectory() as place:
        folder = write(Path(place), {**SOUND, name: data})
        with suppress(BadPolicy):
            load(folder)
