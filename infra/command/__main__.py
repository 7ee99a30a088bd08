"""`python -m infra.command [FOLDER]`: build the wheel of the command alone, and print where it is.

It holds the modules that `model-manager` imports and no others, all inside one package, so that names such as `events`
and `service` stay free in the environments of trainers. The same checkout gives the same bytes.
"""

import argparse
import re
import sys
import tomllib
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from infra.command.closure import closure, moved
from master.cli.main import PANELS
from service.version import SAID, __version__

ROOT = Path(__file__).resolve().parents[2]
NAME = "model-manager-command"
PACKAGE = "model_manager"
NEEDS = ("cryptography", "google-cloud-storage", "google-crc32c", "pydantic", "rich", "typer")
PUBSUB_NEEDS = ("google-cloud-pubsub", "grpcio")  # `bootstrap`, and half of `doctor`: as large as all the others
PROGRAMS = (
    "master.cli.main",
    *sorted({f"master.cli.commands.{path.partition('.')[0]}" for one in PANELS.values() for path in one}),
)
EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> int:
    """Write the wheel."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.command", description="Build the wheel of the command alone."
    )
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "dist")
    sys.stdout.write(f"{build(parser.parse_args().folder)}\n")
    return 0


def build(folder: Path) -> Path:
    """Write the wheel into a folder and return its path."""
    info = f"{NAME.replace('-', '_')}-{__version__}.dist-info"
    files = dict(_sources()) | {f"{info}/{name}": text.encode() for name, text in _about().items()}
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{NAME.replace('-', '_')}-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return wheel


def _sources() -> Iterator[tuple[str, bytes]]:
    version = f"from {PACKAGE}.service.version import __version__ as __version__"
    yield f"{PACKAGE}/__init__.py", f'"""The command of model.manager."""\n\n{version}\n'.encode()
    yield f"{PACKAGE}/__main__.py", f"from {PACKAGE}.master.cli.main import main\n\nmain()\n".encode()
    yield f"{PACKAGE}/py.typed", b""
    for path in closure(ROOT, PROGRAMS).modules.values():
        text = moved(path.read_text(encoding="utf-8"), PACKAGE)
        yield f"{PACKAGE}/{path.relative_to(ROOT).as_posix()}", text.encode()


def _about() -> Mapping[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {_name(one): one for one in (*project["dependencies"], *project["optional-dependencies"]["cli"])}
    head = (
        f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {__version__}\n"
        "Summary: See and change what TensorFlow Serving nodes serve, and publish models: model.manager's command\n"
        f"License: {project['license']}\nRequires-Python: {project['requires-python']}\n"
        "Description-Content-Type: text/markdown\nProvides-Extra: pubsub\n"
    )
    needs = "".join(f"Requires-Dist: {known[name]}\n" for name in NEEDS)
    more = "".join(f'Requires-Dist: {known[name]} ; extra == "pubsub"\n' for name in PUBSUB_NEEDS)
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    return {
        "METADATA": f"{head}{needs}{more}\n{page}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: infra.command\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\nmodel-manager = {PACKAGE}.master.cli.main:main\n",
    }


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0] if found else requirement


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
