"""What can be said about supply and secrets without the internet: `python -m infra.audit`, part of `make check`.

No file of the checkout holds what looks like a key, a token or a password; every locked dependency has one version and
its hashes, and no address of its own; what is installed is what is locked. Known holes are asked for by `make audit`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = "requirements/*.txt"
OWN = "tensorflow"  # made in the checkout (docs/decisions/0002), so it is in no lock file
MADE = {
    ".git",
    ".venv",
    ".venv-tf",
    ".venv-signing",
    "build",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
}
EXAMPLE = "secret-scan: example"  # stands in a line that shows what a secret looks like

SECRETS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a NATS seed": re.compile(r"\bS[AUOCNX][A-Z2-7]{56}\b"),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}\b"),
    "a Google access token": re.compile(r"\bya29\.[\w-]{20,}"),
    "a Google client secret": re.compile(r"\bGOCSPX-[\w-]{20,}"),
    "a service account's key": re.compile(r'"private_key(?:_id)?"\s*:\s*"[^"]{16,}"'),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{60,})"),
    "a Slack token": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@'\"{}<>$]+:[^/\s:@'\"{}<>$]+@"),
    "a secret": re.compile(
        r"(?i)(?:password|passwd|secret|token|api_?key|credential)s?[\"']?\s*[:=]\s*[\"'][\w+/=-]{20,}[\"']"
    ),
}
_ENTRY = re.compile(r"[a-z0-9][a-z0-9._-]*==[^\s;]+( ; [^\\]+)?( \\)?", re.IGNORECASE)
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def main() -> int:
    """Run all checks; the exit code."""
    problems = [*leaks(_tracked(ROOT)), *lock_problems(ROOT), *web_problems(ROOT), *installed_problems(ROOT)]
    for problem in problems:
        sys.stderr.write(f"audit: {problem}\n")
    return 1 if problems else 0


def leaks(files: Iterable[Path]) -> Iterator[str]:
    """Name the lines that look like a secret, without showing it."""
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue  # deleted and not committed yet, or no text
        for number, line in enumerate(lines, start=1):
            for what, pattern in SECRETS.items():
                if pattern.search(line) and EXAMPLE not in line:
                    yield f"{path}:{number} looks like {what}; take it out, or mark the line with `{EXAMPLE}`"


def lock_problems(root: Path) -> Iterator[str]:
    """Name what is not one version with its hashes."""
    for path in sorted(root.glob(LOCKS)):
        yield from _entry_problems(path)


def locked(root: Path) -> dict[str, set[str]]:
    """The versions that the lock files name, by normalised name."""
    found: dict[str, set[str]] = {}
    for path in root.glob(LOCKS):
        for entry in _entries(path):
            name, _, version = entry.partition(" ")[0].partition("==")
            found.setdefault(_normal(name), set()).add(version)
    return found


def web_problems(root: Path) -> Iterator[str]:
    """Name what of the tools for the dashboard has no hash, or an address of its own."""
    path = root / "package-lock.json"
    packages = json.loads(path.read_text())["packages"] if path.exists() else {}
    for name, entry in packages.items():
        if name and not str(entry.get("integrity", "")).startswith("sha512-"):
            yield f"{path.name}: {name} has no SHA-512"
        if "resolved" in entry:
            yield f"{path.name}: {name} comes from an address of its own"


def installed_problems(root: Path, found: Iterable[Distribution] | None = None) -> Iterator[str]:
    """Name what is installed in this environment and not as it is locked."""
    known = locked(root)
    for one in distributions() if found is None else found:
        name = _normal(one.name)
        if name == OWN:
            continue
        if one.version not in known.get(name, set()):
            yield f"{one.name} {one.version} is installed and not in {LOCKS}; run `make clean setup`"
        elif one.read_text("direct_url.json"):
            yield f"{one.name} was installed from an address and not from an index; run `make clean setup`"


def _entry_problems(path: Path) -> Iterator[str]:
    entry, hashes = "", 0
    for line in [*path.read_text().splitlines(), ""]:
        text = line.strip()
        if _HASH.fullmatch(line):
            hashes += 1
        elif not text.startswith("#"):
            if entry and not hashes:
                yield f"{path.name}: {entry} has no hash"
            if text and not _ENTRY.fullmatch(line):
                yield f"{path.name}: {text[:80]!a} is not NAME==VERSION with hashes"
            entry, hashes = text.partition(" ")[0], 0


def _entries(path: Path) -> Iterator[str]:
    return (line for line in path.read_text().splitlines() if _ENTRY.fullmatch(line))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _tracked(root: Path) -> list[Path]:
    """All files that are committed or could be; without git, all but what is made by the targets."""
    command = ["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z", "--cached", "--others"]
    try:
        listed = subprocess.run([*command, "--exclude-standard"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [path for path in root.rglob("*") if path.is_file() and MADE.isdisjoint(path.relative_to(root).parts)]
    return [root / name for name in listed.split("\0") if name]


if __name__ == "__main__":
    sys.exit(main())
