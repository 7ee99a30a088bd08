"""`keys`, `sign`, `publish --sign` and `verify` as programs: from a key to a tampered version that is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.versions import saved_model
from master.cli.exits import Exit
from tests.support.signing import issue, write
from tests.support.stack import GcsServer

Command = Callable[..., subprocess.CompletedProcess[str]]
FILES = {
    "saved_model.pb": saved_model(),
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": b"weights",
}
URI = "https://ci.example.com/release"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write(tmp_path / "line/7", FILES)


@pytest.fixture
def command(gcs_server: GcsServer, tmp_path: Path) -> Command:
    def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            "PYTHONWARNINGS": "error",
            "STORAGE_EMULATOR_HOST": gcs_server.url,
            "MM_MASTER_URL": "http://127.0.0.1:9",  # discard: nobody listens
            **variables,
        }
        line = [sys.executable, "-m", "master.cli", *map(str, arguments)]
        return subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )

    return run


def done(command: Command, *arguments: object, **variables: str) -> str:
    ended = command(*arguments, **variables)
    assert ended.returncode == Exit.DONE, ended.stdout + ended.stderr
    return ended.stdout


def test_from_a_key_to_a_signed_version_in_the_bucket(
    command: Command, gcs_server: GcsServer, export: Path, tmp_path: Path
) -> None:
    """The signature is one of the version's files; whoever changes one of them is found out."""
    made = json.loads(done(command, "keys", "new", "release", "--json"))
    assert (tmp_path / "release.key.pem").stat().st_mode & 0o777 == 0o600
    done(command, "publish", export, "gs://models/line/7", "--sign", "release.key.pem")
    assert "line/7/model.sig" in gcs_server.bucket.names("line/7/")
    verified = json.loads(done(command, "verify", "gs://models/line/7", "--key", "release.pem", "--json"))
    assert verified["fingerprint"] == made["fingerprint"]
    assert verified["files"] == len(FILES)
    assert "already" in done(command, "publish", export, "gs://models/line/7", "--sign", "release.key.pem")
    gcs_server.bucket.write("line/7/variables/variables.index", b"INDEX")
    refused = command("verify", "gs://models/line/7", "--key", "release.pem")
    assert refused.returncode == Exit.FAILED
    assert "variables/variables.index differs from what was signed" in refused.stderr


def test_a_signed_folder_is_checked_and_a_changed_one_refused(command: Command, export: Path) -> None:
    """Whatever is changed, added, renumbered or signed by others is named."""
    done(command, "keys", "new", "release")
    done(command, "keys", "new", "other")
    done(command, "sign", export, "--key", "release.key.pem")
    assert "was signed already" in done(command, "sign", export, "--key", "release.key.pem")
    assert "line/7: signed by release.pem" in done(command, "verify", export, "--key", "release.pem")
    unknown = command("verify", export, "--key", "other.pem")
    assert "by a key that this node does not know" in unknown.stderr
    renumbered = command("verify", export, "--key", "release.pem", "--as", "line/8")
    assert "is for 'line/7', not for 'line/8'" in renumbered.stderr
    write(export, {"assets/new.txt": b"new"})
    assert "does not cover assets/new.txt" in command("verify", export, "--key", "release.pem").stderr
    (export / "model.sig").unlink()
    unsigned = command("verify", export, "--key", "release.pem")
    assert unsigned.returncode == Exit.FAILED
    assert "it has no signature (model.sig)" in unsigned.stderr


def test_who_built_a_version_is_signed_and_shown(command: Command, gcs_server: GcsServer, export: Path) -> None:
    """Beside the signature, outside its files; what was said before stays, and programs get the fields."""
    built = "builder=https://ci.example.com/train,source=git+https://git.example.com/line,commit=0123abc"
    done(command, "keys", "new", "release")
    signing = ("--sign", "release.key.pem", "--provenance", built)
    done(command, "publish", export, "gs://models/line/7", *signing)
    assert "line/7/provenance.sig" in gcs_server.bucket.names("line/7/")
    first = (export / "provenance.sig").read_bytes()
    assert "already" in done(command, "publish", export, "gs://models/line/7", *signing)
    assert (export / "provenance.sig").read_bytes() == first
    for what in (export, "gs://models/line/7"):
        words = done(command, "verify", what, "--key", "release.pem")
        assert "built by https://ci.example.com/train from git+https://git.example.com/line at 0123abc" in words
        fields = json.loads(done(command, "verify", what, "--key", "release.pem", "--json"))
        assert fields["provenance"]["commit"] == "0123abc"
    gcs_server.bucket.write("line/7/provenance.sig", b"{}")
    assert "its provenance is not believed" in done(command, "verify", "gs://models/line/7", "--key", "release.pem")
    gcs_server.bucket.write("line/7/provenance.sig", b" " * 2_000_000)
    assert "has more than 1,048,576 bytes" in done(command, "verify", "gs://models/line/7", "--key", "release.pem")
    for wrong in ("commit=1", "builder=", "builder=a,builder=b", "author=me", "builder"):
        assert command("sign", export, "--key", "release.key.pem", "--provenance", wrong).returncode == Exit.USAGE
    assert command("publish", export, "gs://models/line/7", "--provenance", built).returncode == Exit.USAGE


def test_certificates_sign_and_are_checked(command: Command, export: Path, tmp_path: Path) -> None:
    """The authority and a pattern of identities say who may; a node's policy folder says the same."""
    root = issue("root", is_authority=True)
    builder = issue("builder", by=root, uri=URI)
    policy = b'[[rules]]\nidentities = ["https://ci.example.com/*"]\n'
    write(tmp_path, {"ci.key": builder.key.pem(), "ci.pem": builder.pem + root.pem, "policy/policy.toml": policy})
    write(tmp_path, {"policy/authorities/root.pem": root.pem})
    done(command, "sign", export, "--key", "ci.key", "--certificate", "ci.pem")
    authority = ("--authority", "policy/authorities/root.pem")
    assert f"signed by {URI}" in done(command, "verify", export, *authority, "--identity", "https://ci.example.com/*")
    assert "who may not sign this model" in command("verify", export, *authority).stderr
    assert f"signed by {URI}" in done(command, "verify", export, MM_SIGNATURE_POLICY="policy")


def test_keys_are_never_overwritten_and_may_have_a_password(command: Command, export: Path) -> None:
    """A lost private key cannot be made again."""
    done(command, "keys", "new", "release", MM_SIGNING_PASSWORD="secret")
    again = command("keys", "new", "release")
    assert again.returncode == Exit.USAGE
    assert "is there already" in again.stderr
    assert "is encrypted, and no password" in command("sign", export, "--key", "release.key.pem").stderr
    done(command, "sign", export, "--key", "release.key.pem", MM_SIGNING_PASSWORD="secret")
    assert "ECDSA on secp256r1, fingerprint " in done(command, "keys", "show", "release.pem")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "export/7"), "whom to believe is not said"),
        (("verify", "gs://models/line", "--key", "k.pem"), "names no version"),
        (("verify", "gs://models/line/7", "--key", "k.pem"), "there is nothing at gs://models/line/7/"),
        (("verify", "/", "--key", "k.pem"), "--as MODEL/VERSION"),
        (("verify", "x/1", "--key", "k.pem", "--policy", "p"), "leave out --key"),
        (("sign", "x/1", "--key", "gone.pem"), "gone.pem cannot be read"),
        (("sign", "x/1", "--key", "k.pem", "--as", "x"), "--as"),
    ],
)
def test_what_cannot_be_meant_is_told(command: Command, arguments: tuple[str, ...], words: str) -> None:
    """A sentence, and no traceback."""
    done(command, "keys", "new", "k")
    refused = command(*arguments)
    assert refused.returncode in {Exit.USAGE, Exit.FAILED}
    assert words in refused.stderr
