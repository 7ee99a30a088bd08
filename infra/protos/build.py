"""Make a distribution named `tensorflow` that holds only the message modules our gRPC clients need.

`tensorflow-serving-api` imports `tensorflow.core…` for its message types, which in an ordinary install executes all of
TensorFlow: seconds and hundreds of megabytes in processes that only talk to TensorFlow Serving. This tool follows the
imports of the stubs we use through an unpacked official TensorFlow and packs just those generated modules. The result
is built where it is needed and never committed. See docs/decisions/0002-tensorflow-messages.md.
"""

import argparse
import re
import sys
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

ROOTS = (
    "tensorflow_serving/apis/model_service_pb2_grpc.py",
    "tensorflow_serving/apis/prediction_service_pb2_grpc.py",
    "tensorflow_serving/config/model_server_config_pb2.py",
)
LOCAL_LABEL = "protos"
_IMPORT = re.compile(r"^from (tensorflow(?:_serving)?(?:\.\w+)*) import (\w+_pb2)\b", re.MULTILINE)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    """Write the wheel and print its path."""
    parser = argparse.ArgumentParser(prog="python -m infra.protos.build", description=__doc__.splitlines()[0])
    parser.add_argument("site_packages", type=Path, help="folder with tensorflow and tensorflow_serving")
    parser.add_argument("target", type=Path, help="folder to write the wheel to")
    arguments = parser.parse_args()
    try:
        version = find_version(arguments.site_packages)
        wheel = build(arguments.site_packages, arguments.target, version=version)
    except (OSError, LookupError) as error:
        sys.stderr.write(f"cannot build the tensorflow message modules: {error}\n")
        return 1
    sys.stdout.write(f"{wheel}\n")
    return 0


def find_version(site_packages: Path) -> str:
    """Tell the version of the TensorFlow that is unpacked in `site_packages`."""
    for pattern in ("tensorflow_cpu-*.dist-info", "tensorflow-*.dist-info"):
        for folder in sorted(site_packages.glob(pattern)):
            return folder.name.removesuffix(".dist-info").split("-")[1]
    raise LookupError(f"no TensorFlow in {site_packages}; install tensorflow-cpu there first")


def build(site_packages: Path, target: Path, *, version: str) -> Path:
    """Write the wheel; the same input gives the same bytes."""
    local_version = f"{version}+{LOCAL_LABEL}"
    dist_info = f"tensorflow-{local_version}.dist-info"
    files = {name: (site_packages / name).read_bytes() for name in sorted(needed(site_packages))}
    packages = {parent.as_posix() for name in files for parent in Path(name).parents} - {"."}
    files |= {f"{package}/__init__.py": b"" for package in sorted(packages)}
    files[f"{dist_info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: tensorflow\nVersion: {local_version}\n"
        "Summary: Message modules of TensorFlow, without TensorFlow\nRequires-Dist: protobuf\n"
    ).encode()
    files[f"{dist_info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: infra.protos\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / f"tensorflow-{local_version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=_EPOCH), content)
    return wheel


def needed(site_packages: Path) -> set[str]:
    """Follow the stubs' imports and name every tensorflow.* message module they reach."""
    seen: set[str] = set()
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_imports((site_packages / name).read_text(encoding="utf-8")))
    return {name for name in seen if name.startswith("tensorflow/")}


def _imports(source: str) -> Iterator[str]:
    for package, module in _IMPORT.findall(source):
        yield f"{package.replace('.', '/')}/{module}.py"


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
