"""A certificate authority for the NATS servers alone, and their certificate, made by `openssl`."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.docker.offline.shell import Failed
from infra.swarm.render import Node, nats_host

DAYS = 825
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def make(folder: Path, nats_nodes: Sequence[Node]) -> list[str]:
    """Make the servers' certificate with every server's name, and the authority where there is none yet."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority, authority_key = folder / "ca.crt", folder / "ca.key"
    if not authority_key.exists():
        extensions = (
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        )
        subject = ("-subj", "/CN=model.manager NATS CA", "-days", "3650")
        _openssl("req", "-x509", *KEY, *subject, *extensions, "-keyout", authority_key, "-out", authority)
    names = ["localhost", *sorted(nats_host(node) for node in nats_nodes)]
    request, extras = folder / "server.csr", folder / "server.ext"
    _openssl("req", *KEY, "-subj", "/CN=model.manager NATS", "-keyout", folder / "server.key", "-out", request)
    extras.write_text(
        f"subjectAltName={','.join(f'DNS:{name}' for name in names)}\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    signing = ("-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", str(DAYS), "-extfile", extras)
    _openssl("x509", "-req", "-in", request, *signing, "-out", folder / "server.crt")
    for path in (request, extras):
        path.unlink()
    return names


def _openssl(*words: str | Path) -> None:
    command = ["openssl", *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError as error:
        raise Failed(
            "there is no `openssl` command on this machine; certificates of any other make do as well"
        ) from error
    if done.returncode:
        raise Failed(f"`openssl {words[0]}` ended with {done.returncode}: {done.stderr.strip()}")
