"""The lab: nodes in containers, and ways to lose them.

Each node is a Docker engine in a container of its own, with its own disk, address and cgroups, on a network of the
lab. Beside the nodes stand an emulated bucket and Pub/Sub, as Google's stand beside real ones. A node can be cut off
the others, killed and started. `node1` manages the swarm; its engine answers this machine, too (`Lab.host`).
"""

import contextlib
import ipaddress
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.docker.offline.shell import Failed, answers, run

NODE = Path(__file__).with_name("node")
HERE = "unix:///var/run/docker.sock"  # whatever DOCKER_HOST says: that may be the lab's own manager
IMAGE = "model-manager/swarm-node:dev"
# Not --privileged: it takes rights with it that engines in containers do not need, and some machines cannot give.
CAPABILITIES = (
    "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_CHROOT", "MKNOD", "SETFCAP", "SYS_NICE", "DAC_READ_SEARCH",
    "SYSLOG", "AUDIT_WRITE", "SETPCAP",
)  # fmt: skip
OPTIONS = (
    "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined", "--security-opt=systempaths=unconfined",
    "--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
)  # fmt: skip
NETWORKS = tuple(ipaddress.IPv4Network(f"10.213.{number}.0/24") for number in range(1, 255))
READY_SECONDS = 90.0
PROJECT, TOPIC, BUCKET = "model-manager", "model-uploads", "models"
GCS_IMAGE = "fsouza/fake-gcs-server:latest"
PUBSUB_IMAGE = "gcr.io/google.com/cloudsdktool/google-cloud-cli:emulators"


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab, by its name; several can stand side by side."""

    name: str = "mm-lab"

    @property
    def sockets(self) -> Path:
        """The folder where the nodes' engines answer this machine."""
        return Path("/var/run") / self.name

    @property
    def host(self) -> str:
        """What `DOCKER_HOST` has to be to speak to the swarm's manager."""
        return self.node_host("node1")

    def node_host(self, node: str) -> str:
        """What `DOCKER_HOST` has to be to speak to a node's engine."""
        return f"unix://{self.sockets}/{node}.sock"

    def nodes(self) -> list[str]:
        """The nodes there are, running or not."""
        shown = _docker("ps", "--all", f"--filter=label={self.name}=node", "--format={{.Names}}").split()
        return sorted(name.removeprefix(f"{self.name}-") for name in shown)

    def address(self, part: str) -> str:
        """The address of a node, or of `gcs` or `pubsub`; it stays the same over restarts."""
        networks = json.loads(_docker("inspect", f"{self.name}-{part}"))[0]["NetworkSettings"]["Networks"]
        return str(networks[self.name]["IPAMConfig"]["IPv4Address"])

    def environment(self) -> dict[str, str]:
        """What `stack.yml` here is told of the bucket and Pub/Sub beside the nodes."""
        return {
            "STORAGE_EMULATOR_HOST": f"http://{self.address('gcs')}:4443",
            "PUBSUB_EMULATOR_HOST": f"{self.address('pubsub')}:8085",
            "MM_PROJECT": PROJECT,
            "MM_TOPIC": TOPIC,
            "MM_BUCKET": BUCKET,
        }

    # --- up and down

    def up(self, count: int = 3) -> None:
        """Make the nodes, one swarm of them, and the bucket beside it."""
        _docker("build", "--quiet", "--network=host", f"--tag={IMAGE}", str(NODE))
        network = self._make_network()
        self.sockets.mkdir(parents=True, exist_ok=True)
        addresses = network.hosts()
        next(addresses)  # this machine's own
        nodes = [f"node{number}" for number in range(1, count + 1)]
        for node in nodes:
            self._start_node(node, str(next(addresses)))
        self._start_bucket(gcs=str(next(addresses)), pubsub=str(next(addresses)))
        for node in nodes:
            self.wait_engine(node)
        self._join(nodes)

    def down(self) -> None:
        """Take everything away that `up` made; what is not there is no error."""
        for part in _docker("ps", "--all", f"--filter=label={self.name}", "--format={{.Names}}").split():
            _docker("rm", "--force", "--volumes", part)
            if _is_there("volume", part):
                _docker("volume", "rm", part)
        if _is_there("network", self.name):
            _docker("network", "rm", self.name)
        shutil.rmtree(self.sockets, ignore_errors=True)
        _remove_cgroups(self.name)

    def load(self, images: Iterable[str]) -> None:
        """Copy images of this machine's engine to every node."""
        with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
            _docker("save", f"--output={archive.name}", *images)
            for node in self.nodes():
                _docker("load", "--quiet", f"--input={archive.name}", host=self.node_host(node))

    # --- what can go wrong with a node

    def cut(self, node: str) -> None:
        """Cut a node off the others and off the bucket; this machine, in a client's place, still reaches it."""
        self._firewall(node, "--insert")

    def mend(self, node: str) -> None:
        """Have a node that was cut off reach the others again."""
        self._firewall(node, "--delete")

    def kill(self, node: str) -> None:
        """Take a node's power away."""
        _docker("kill", f"{self.name}-{node}")

    def start(self, node: str) -> None:
        """Start a node that was killed; return when its engine answers."""
        _docker("start", f"{self.name}-{node}")
        self.wait_engine(node)

    def wait_engine(self, node: str) -> None:
        """Wait until a node's engine answers."""
        deadline = time.monotonic() + READY_SECONDS
        while not answers(["docker", "--host", self.node_host(node), "info"]):
            if time.monotonic() > deadline:
                raise Failed(
                    f"the engine of {node} did not answer within {READY_SECONDS:g} s: {self._last_words(node)}"
                )
            time.sleep(0.2)

    # --- how

    def _make_network(self) -> ipaddress.IPv4Network:
        """A network with a range of its own, so that addresses stay over restarts."""
        for network in NETWORKS:
            words = ("network", "create", f"--subnet={network}", f"--label={self.name}", self.name)
            if answers(["docker", "--host", HERE, *words]):
                return network
            if _is_there("network", self.name):
                raise Failed(f"the lab {self.name} is there; `down` takes it away")
        raise Failed(f"no network of {NETWORKS[0]} to {NETWORKS[-1]} could be made: `docker network ls` shows why")

    def _start_node(self, node: str, address: str) -> None:
        own = f"{self.name}-{node}"
        _docker(
            "run", "--detach", f"--name={own}", f"--hostname={node}", f"--label={self.name}=node",
            f"--network={self.name}", f"--ip={address}", *(f"--cap-add={one}" for one in CAPABILITIES), *OPTIONS,
            f"--cgroup-parent=/{self.name}", f"--env=LAB={self.name}",
            f"--volume={own}:/var/lib/docker", f"--volume={self.sockets}:/sockets", IMAGE,
        )  # fmt: skip

    def _start_bucket(self, *, gcs: str, pubsub: str) -> None:
        topic = f"http://127.0.0.1:8085/v1/projects/{PROJECT}/topics/{TOPIC}"
        self._run(
            "pubsub", pubsub, [], PUBSUB_IMAGE, "bash", "-c",
            f"(until curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/json' -d '{{}}' {topic}; "
            "do sleep 0.3; done) 2>/dev/null & "
            f"exec gcloud beta emulators pubsub start --host-port=0.0.0.0:8085 --project={PROJECT}",
        )  # fmt: skip
        self._run(
            "gcs", gcs, [f"--env=PUBSUB_EMULATOR_HOST={pubsub}:8085"], GCS_IMAGE, "-scheme=http", "-host=0.0.0.0",
            "-port=4443", f"-external-url=http://{gcs}:4443", f"-public-host={gcs}:4443", "-backend=memory",
            f"-event.pubsub-project-id={PROJECT}", f"-event.pubsub-topic={TOPIC}", "-event.list=finalize,delete",
        )  # fmt: skip

    def _run(self, part: str, address: str, options: Sequence[str], *command: str) -> None:
        own = f"{self.name}-{part}"
        place = (f"--name={own}", f"--label={self.name}", f"--network={self.name}", f"--ip={address}")
        _docker("run", "--detach", "--init", *place, *options, *command)

    def _join(self, nodes: Sequence[str]) -> None:
        first = self.address(nodes[0])
        _docker("swarm", "init", f"--advertise-addr={first}", host=self.host)
        token = _docker("swarm", "join-token", "--quiet", "worker", host=self.host).strip()
        for node in nodes[1:]:
            _docker("swarm", "join", f"--token={token}", f"{first}:2377", host=self.node_host(node))

    def _firewall(self, node: str, verb: str) -> None:
        """Add or take away the rules that drop what comes from and goes to anybody but this machine."""
        here = str(next(ipaddress.IPv4Network(f"{self.address(node)}/24", strict=False).hosts()))
        rules = [
            (chain, direction, "eth0", "!", end, here)
            for chain, direction, end in (
                ("INPUT", "--in-interface", "--source"),
                ("FORWARD", "--in-interface", "--source"),
                ("OUTPUT", "--out-interface", "--destination"),
                ("FORWARD", "--out-interface", "--destination"),
            )
        ]
        for rule in rules:
            _docker("exec", f"{self.name}-{node}", "iptables", "--wait", verb, *rule, "--jump", "DROP")

    def _last_words(self, node: str) -> str:
        return _docker("logs", "--tail=10", f"{self.name}-{node}")


def _docker(*words: str, host: str = HERE) -> str:
    return run(["docker", "--host", host, *words])


def _is_there(kind: str, name: str) -> bool:
    return answers(["docker", "--host", HERE, kind, "inspect", name])


def _remove_cgroups(name: str) -> None:
    """Remove the nested engines' cgroups, deepest first; one that is still in use stays, and does no harm."""
    for top in Path("/sys/fs/cgroup").glob(f"**/{name}"):
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            _remove(folder)
        _remove(top)


def _remove(group: Path) -> None:
    with contextlib.suppress(OSError):
        group.rmdir()
