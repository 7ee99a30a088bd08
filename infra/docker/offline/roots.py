"""The two root file systems everything else stands on: Debian's smallest, and busybox alone."""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from infra.docker.offline import machine
from infra.docker.offline.shell import install, run, say, update

DEBIAN = "model-manager-offline/debian-root:bookworm"
BUSYBOX = "model-manager-offline/busybox:latest"
OPTIONS = (
    "--quiet",
    "--variant=minbase",
    "--format=tar",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=ca-certificates,netbase,tzdata",
    "--include=usr-is-merged",  # in place of a converter that brings all of Perl
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*.log',
)
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUPS = "root:x:0:\nnobody:x:65534:\n"


def debian_stamp() -> str:
    """What a Debian root depends on; not on certificates, so that it outlives a new authority."""
    text = "\n".join((*OPTIONS, machine.debian_sources().read_text()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_debian(archive: Path) -> None:
    """Write Debian 12 from its packages."""
    if not shutil.which("mmdebstrap"):
        install("mmdebstrap")
    say("putting Debian together from its packages")
    run(["mmdebstrap", *OPTIONS, "bookworm", archive, machine.debian_sources()])


def make_busybox(archive: Path) -> None:
    """Write a root with busybox and its links, in place of Alpine's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        update()
        os.chown(folder, 0, 0)
        folder.chmod(0o755)  # apt downloads as another user
        run(["apt-get", "download", "-qq", "busybox-static"], folder=folder)
        run(["dpkg-deb", "-x", next(folder.glob("busybox-static_*.deb")), folder / "package"])
        root = folder / "root"
        for part in ("bin", "etc", "root", "usr/local/bin"):
            (root / part).mkdir(parents=True)
        (root / "tmp").mkdir(mode=0o777)
        (root / "tmp").chmod(0o1777)
        (root / "etc/passwd").write_text(USERS)
        (root / "etc/group").write_text(GROUPS)
        busybox = Path(shutil.copy2(folder / "package/bin/busybox", root / "bin/busybox"))
        for applet in subprocess.check_output([busybox, "--list"], text=True).split():
            if applet != "busybox":
                (root / "bin" / applet).symlink_to("busybox")
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".")
