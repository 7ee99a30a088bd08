"""A site on one machine: a network namespace for each host, a switch between them, and lines of a given speed.

No namespace has a name. Each lives as long as a process of the supervisor's does, and takes its links along: whatever
ends us, nothing is left. The addresses are those that RFC 2544 keeps for benchmarks.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.local.child import Child, Command
from infra.local.supervisor import Supervisor

PREFIX = "198.18.0."
HERE = 1  # the last part of our own address on the switch
PORT = "eth0"
SWITCH = "switch"
BURST, LATENCY = "256kb", "50ms"
HEADS = 66  # bytes of Ethernet, IP and TCP with its time stamps, in front of each packet
NEEDED = {"ip": "iproute2", "tc": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}
TRY = ("unshare", "--net", "--", "ip", "link", "set", "lo", "up")
HOLD = "ip link set lo up && exec sleep infinity"


class LanError(Exception):
    """The kernel refused a part of the site."""


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with one port on the switch."""

    address: str
    holder: Child

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands in front of a command that shall run there."""
        return _enter(self.holder)

    def sent_bytes(self) -> int:
        """Bytes its port has sent, without the heads of packets."""
        (port,) = json.loads(_run(*self.enter, "ip", "-json", "-stats", "link", "show", "dev", PORT))
        sent = port["stats64"]["tx"]
        return int(sent["bytes"]) - HEADS * int(sent["packets"])


@dataclass(slots=True)
class Lan:
    """A switch that we are on ourselves, and hosts with lines to it."""

    supervisor: Supervisor
    switch: Child
    link: str  # our own end of the line to the switch
    _hosts: int = field(default=HERE)

    @property
    def here(self) -> str:
        """Our own address."""
        return f"{PREFIX}{HERE}"

    def join(self, name: str, *, mbit: int) -> Host:
        """Add a host; its line carries so much in each direction, but what we send to it ourselves is not slowed."""
        self._hosts += 1
        host = Host(f"{PREFIX}{self._hosts}", _hold(self.supervisor, name))
        outer, inner, at = f"port{self._hosts}", _enter(self.switch), str(host.holder.pid)
        _run(*inner, "ip", "link", "add", outer, "type", "veth", "peer", "name", PORT, "netns", at)
        _run(*host.enter, "ip", "address", "add", f"{host.address}/24", "dev", PORT)
        _run(*host.enter, "ip", "link", "set", PORT, "up")
        _run(*inner, "ip", "link", "set", outer, "master", "bridge", "up")
        _slow(host.enter, PORT, mbit)
        _slow(inner, outer, mbit)
        return host


def why_not() -> str:
    """Why this machine has no namespaces for us; empty where it has."""
    for program, package in NEEDED.items():
        if not shutil.which(program):
            return f"{program} is not installed (Debian: apt-get install {package})"
    tried = subprocess.run(TRY, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"network namespaces are not allowed here: {tried.stderr.strip()}"
    if f" {PREFIX}{HERE}/" in _run("ip", "address"):
        return f"{PREFIX}{HERE} is taken on this machine, perhaps by another run of this benchmark"
    return ""


@contextmanager
def open_lan(supervisor: Supervisor) -> Iterator[Lan]:
    """Make the switch and put ourselves on it; our own end goes at once, the rest with the supervisor."""
    switch = _hold(supervisor, SWITCH)
    inner, link = _enter(switch), f"mm{switch.pid}"
    _run(*inner, "ip", "link", "add", "bridge", "type", "bridge")
    _run(*inner, "ip", "link", "set", "bridge", "up")
    try:
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "here", "netns", str(switch.pid))
        _run(*inner, "ip", "link", "set", "here", "master", "bridge", "up")
        _run("ip", "address", "add", f"{PREFIX}{HERE}/24", "dev", link)
        _run("ip", "link", "set", link, "up")
        yield Lan(supervisor, switch, link)
    finally:
        subprocess.run(("ip", "link", "delete", link), stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _hold(supervisor: Supervisor, name: str) -> Child:
    child: Child

    def is_up() -> bool:
        """Whether the namespace is there: its loopback is up, and the shell has become `sleep`."""
        looked = subprocess.run(
            ("ps", "-o", "comm=", "-p", str(child.pid)), capture_output=True, text=True, check=False
        )
        return looked.stdout.strip() == "sleep"

    child = supervisor.launch(Command(f"lan-{name}", ("unshare", "--net", "--", "/bin/sh", "-c", HOLD), ready=is_up))
    supervisor.wait_ready(child)
    return child


def _slow(enter: tuple[str, ...], port: str, mbit: int) -> None:
    rate = ("rate", f"{mbit}mbit", "burst", BURST, "latency", LATENCY)
    _run(*enter, "tc", "qdisc", "add", "dev", port, "root", "tbf", *rate)


def _enter(holder: Child) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{holder.pid}/ns/net", "--")


def _run(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LanError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout
