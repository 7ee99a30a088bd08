"""Both ways with OpenSSF's own package: it takes what we sign, we take what it signs."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from events.names import FileName, ModelName, Version
from service.signatures.assess import assess, contents, files
from service.signatures.keys import PrivateKey, generate
from service.signatures.policy import Policy, Rule
from service.signatures.sign import digests_of, sign
from tests.support.signing import Identity, issue, write

ROOT = Path(__file__).resolve().parents[3]
FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"", "assets/words äöü.txt": b"w" * 100_000}
NAMES = frozenset(FileName(name) for name in FILES)
MODEL, VERSION = ModelName("ranker"), Version(7)
URI = "https://ci.example.com/release"
Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def tool() -> Tool:
    """The reference tool, as a program."""
    subprocess.run([ROOT / "infra/signing-tools"], check=True, capture_output=True)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        line = [str(ROOT / ".venv-signing/bin/model_signing"), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return write(tmp_path / "ranker/7", FILES)


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    key = generate()
    write(tmp_path, {"key.pem": key.pem(), "public.pem": key.public.pem})
    return key


@pytest.fixture
def chain(tmp_path: Path) -> tuple[Identity, Identity]:
    root = issue("root", is_authority=True)
    builder = issue("builder", by=root, uri=URI)
    write(tmp_path, {"builder.key": builder.key.pem(), "builder.pem": builder.pem, "root.pem": root.pem})
    return builder, root


def trusted(data: bytes, version: Path, policy: Policy) -> str:
    """Check a signature and the files by it; who made it."""
    verdict = assess(data, MODEL, VERSION, policy)
    files(verdict, NAMES)
    contents(verdict, digests_of(version, NAMES))
    return verdict.signer.name


def test_it_verifies_what_we_sign_with_a_key(tool: Tool, version: Path, key: PrivateKey) -> None:
    """Also beside our own files; and it refuses a version that was changed."""
    signature = write(version, {"manifest.json": b"{}", "provenance.sig": b"{}"}) / "model.sig"
    signature.write_bytes(sign("ranker/7", digests_of(version, NAMES), key))
    arguments = ("verify", "key", "--signature", signature, "--public_key", version.parents[1] / "public.pem", version)
    verified = tool(*arguments)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    write(version, {"saved_model.pb": b"other"})
    assert tool(*arguments).returncode != 0


def test_it_verifies_what_we_sign_with_certificates(
    tool: Tool, version: Path, chain: tuple[Identity, Identity]
) -> None:
    """The chain travels in the signature."""
    builder, root = chain
    signature = version / "model.sig"
    certificates = [builder.certificate, root.certificate]
    signature.write_bytes(sign("ranker/7", digests_of(version, NAMES), builder.key, chain=certificates))
    roots = version.parents[1] / "root.pem"
    verified = tool("verify", "certificate", "--signature", signature, "--certificate_chain", roots, version)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_we_verify_what_it_signs_with_a_key(tool: Tool, version: Path, key: PrivateKey) -> None:
    """It names the folder alone, so a rule must take that."""
    signature, private = version / "model.sig", version.parents[1] / "key.pem"
    signed = tool("sign", "key", "--signature", signature, "--private_key", private, version)
    assert signed.returncode == 0, signed.stdout + signed.stderr
    policy = Policy(keys={"release": key.public}, rules=(Rule.model_validate({"subject": "any"}),))
    assert trusted(signature.read_bytes(), version, policy) == "release"


def test_we_verify_what_it_signs_with_certificates(tool: Tool, version: Path, chain: tuple[Identity, Identity]) -> None:
    """The identity is the one in the certificate."""
    signature, folder = version / "model.sig", version.parents[1]
    signed = tool(
        *("sign", "certificate", "--signature", signature, "--private_key", folder / "builder.key"),
        *("--signing_certificate", folder / "builder.pem", "--certificate_chain", folder / "root.pem", version),
    )
    assert signed.returncode == 0, signed.stdout + signed.stderr
    rule = Rule.model_validate({"subject": "any", "identities": [URI]})
    policy = Policy(authorities=(chain[1].certificate,), rules=(rule,))
    assert trusted(signature.read_bytes(), version, policy) == URI
