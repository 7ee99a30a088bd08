"""The audit finds what it is there for, and shows no secret while it does."""

from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution, PackageMetadata
from pathlib import Path
from typing import cast

import nkeys  # type: ignore[import-untyped]  # ships no types
import pytest

from infra import audit

HASH = "a" * 64
PIN = f"one==1.0 \\\n    --hash=sha256:{HASH}\n    # via two\n"
SEED = nkeys.encode_seed(b"x" * 32, nkeys.PREFIX_BYTE_USER).decode()
# Put together here, so that none of it stands in this file.
LEAKS = [
    "-----BEGIN EC PRIVATE " + "KEY-----",
    f"seed: {SEED}",
    "AIza" + "x" * 35,
    "ya29." + "x" * 30,
    '"private_key_id": "' + "0" * 40 + '"',
    "gh" + "p_" + "x" * 36,
    "nats://me:hun" + "ter2@nats-1:4222",
    "MM_NATS_PASSWORD: '" + "x1" * 12 + "'",
]


@pytest.mark.parametrize("line", LEAKS)
def test_what_looks_like_a_secret_is_found_and_not_shown(tmp_path: Path, line: str) -> None:
    """A key that was committed is as good as published; the finding names the place alone."""
    (tmp_path / "f").write_text(f"fine\n{line}\n")
    (found,) = set(audit.leaks([tmp_path / "f"]))
    assert found.startswith(f"{tmp_path}/f:2 looks like ")
    assert line not in found


def test_examples_are_marked_and_bytes_are_passed_over(tmp_path: Path) -> None:
    """A line may show what a secret looks like, if it says so."""
    (tmp_path / "f").write_text(f"{LEAKS[0]}  # {audit.EXAMPLE}\nMM_TOKENS=ci:viewer:sha256\npassword = ''\n")
    (tmp_path / "g").write_bytes(b"\xff\xfe")
    assert list(audit.leaks([tmp_path / "f", tmp_path / "g", tmp_path / "gone"])) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PIN, ""),
        ("one==1.0\n", "one==1.0 has no hash"),
        (PIN + "two==2.0 ; python_version < '4'\n", "two==2.0 has no hash"),
        (PIN.replace("==", ">="), "is not NAME==VERSION"),
        ("--extra-index-url https://evil.example/simple\n" + PIN, "is not NAME==VERSION"),
        ("one @ https://evil.example/one.whl\n", "is not NAME==VERSION"),
        ("-e git+https://evil.example/one\n", "is not NAME==VERSION"),
        (PIN.replace("sha256", "md5"), "is not NAME==VERSION"),
    ],
)
def test_a_lock_is_one_version_with_its_hashes(tmp_path: Path, text: str, words: str) -> None:
    """Nothing else, and no index of its own, could be installed in its place."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "x.txt").write_text(text)
    found = "; ".join(audit.lock_problems(tmp_path))
    assert words in found
    assert bool(found) is bool(words)


class Installed(Distribution):
    """Something installed."""

    def __init__(self, name: str, version: str, *, url: str = "") -> None:
        self._message = Message()
        self._message["Name"], self._message["Version"] = name, version
        self._url = url

    @property
    def metadata(self) -> PackageMetadata:
        return cast("PackageMetadata", self._message)

    def read_text(self, filename: str) -> str | None:
        return self._url if filename == "direct_url.json" else None

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


def test_what_is_installed_is_what_is_locked(tmp_path: Path) -> None:
    """Another version, something unknown and something from an address are named; our own package is ours."""

    def problems() -> Iterator[str]:
        yield from audit.installed_problems(
            tmp_path,
            [
                Installed("One", "1.0"),
                Installed("one", "1.1"),
                Installed("extra", "1"),
                Installed("one", "1.0", url="{}"),
                Installed("tensorflow", "2"),
            ],
        )

    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "x.txt").write_text(PIN)
    assert [problem.partition(";")[0] for problem in problems()] == [
        "one 1.1 is installed and not in requirements/*.txt",
        "extra 1 is installed and not in requirements/*.txt",
        "one was installed from an address and not from an index",
    ]


def test_tools_for_the_web_have_hashes_and_no_address(tmp_path: Path) -> None:
    """The same for what npm installs."""
    text = (
        '{"packages": {"": {}, "a": {"integrity": "sha512-x"}, "b": {}, "c": {"integrity": "sha512-", "resolved": ""}}}'
    )
    (tmp_path / "package-lock.json").write_text(text)
    assert [problem.split(": ")[1] for problem in audit.web_problems(tmp_path)] == [
        "b has no SHA-512",
        "c comes from an address of its own",
    ]


def test_without_git_all_files_are_looked_at_but_what_is_made(tmp_path: Path) -> None:
    """A copy of the checkout is audited as well as a clone."""
    for name in ("docs/a.md", "build/b", ".venv/lib/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert audit._tracked(tmp_path) == [tmp_path / "docs/a.md"]
