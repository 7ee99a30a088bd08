"""What this machine's package clients are told, so that builds in the images reach what the machine itself reaches.

Behind a closed network that is a proxy, a mirror, or a certificate authority of its own. It is laid into the base
images as files, which is one more reason not to push these stand-ins anywhere.
"""

import ast
import hashlib
import re
import ssl
from pathlib import Path

from infra.docker.offline.shell import Failed, run

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
DEBIAN_CERTIFICATES = Path("/usr/share/ca-certificates")
APT_TRANSPORT = re.compile(r"Acquire::(Check-Valid-Until|Check-Date|Retries|https?::(Proxy|CaInfo|Verify-Peer)) ")
PIP_OPTIONS = frozenset({"index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout"})
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def write_settings(root: Path) -> None:
    """Write the files under `root` as they shall lie in an image."""
    for name, certificate in _own_certificates().items():
        _write(root / f"usr/local/share/ca-certificates/machine-{name}.crt", f"{certificate}\n")
    _write(root / "etc/apt/apt.conf.d/90machine", _apt())
    _write(root / "etc/pip.conf", _pip())


def debian_sources() -> Path:
    """The file that names Debian's own archive."""
    candidates = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    for path in candidates:
        if path.exists() and re.search(r"^(deb|Types:)", path.read_text(), re.MULTILINE):
            return path
    raise Failed("found no apt sources of Debian on this machine; the base images are made of Debian's packages")


def _own_certificates() -> dict[str, str]:
    """The certificates this machine trusts beyond those that Debian's package brings."""
    trusted = _certificates(BUNDLE) if BUNDLE.exists() else {}
    for path in DEBIAN_CERTIFICATES.rglob("*.crt"):
        for digest in _certificates(path):
            trusted.pop(digest, None)
    return {digest[:12]: pem for digest, pem in sorted(trusted.items())}


def _certificates(path: Path) -> dict[str, str]:
    found = _PEM.findall(path.read_text(errors="replace"))
    return {hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(): pem for pem in found}


def _apt() -> str:
    lines = run(["apt-config", "dump"]).splitlines()
    return "".join(f"{line}\n" for line in lines if APT_TRANSPORT.match(line))


def _pip() -> str:
    """What pip is told here, without the parts that are paths of this machine."""
    lines = ["[global]", f"cert = {BUNDLE}", "disable-pip-version-check = true"]
    for line in run(["python3", "-m", "pip", "config", "list"]).splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        words = [word for word in str(ast.literal_eval(value)).split() if not word.startswith(("/", "file:"))]
        if option in PIP_OPTIONS and words:
            lines.append(f"{option} = {' '.join(words)}")
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
