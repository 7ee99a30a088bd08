"""The master over simulated fleets of 200 models on a real NATS server: 10, 100 and 1,000 nodes (issues 3 and 5).

The targets are for the whole fleet of 1,000; the smaller ones show how the cost grows.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench import watches
from bench.figures import Figure, Row
from bench.meter import cpu_seconds, peak_memory_mib
from infra.local import parts, programs
from infra.local.child import Child, Command
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor

NODES, QUICK_NODES = (10, 100, 1000), (10, 100)
WHOLE = 1000  # the fleet that the targets are for
MODELS = 200
REPORTS_PER_SECOND = 100
READS, QUICK_READS = 100, 20
COMMANDS = 5
CHATTER_SECONDS, QUICK_CHATTER_SECONDS = 30.0, 5.0
FILL_SECONDS = 300.0
LOOK_SECONDS = 0.1
PAGES = {
    "overview": "/v1/overview",
    "nodes, a page": "/v1/nodes?limit=100",
    "one node": "/v1/nodes/{node}",
    "models, a page": "/v1/models?limit=100",
    "one model": "/v1/models/{model}",
    "one model's nodes, a page": "/v1/models/{model}/nodes?limit=100",
}
SETTINGS = {"MM_REQUESTS_PER_SECOND": "10000"}
AT_MOST_READ_MS, AT_MOST_MIB, AT_MOST_COMMAND_SECONDS, AT_MOST_CPU_PERCENT = 50.0, 400.0, 1.0, 30.0


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Measure fleet by fleet, and then the watches of a whole one."""
    for nodes in QUICK_NODES if is_quick else NODES:
        for row in one_fleet(nodes, is_quick=is_quick):
            at_most = row.at_most if nodes == WHOLE else None
            yield replace(row, name=f"{nodes:,} nodes: {row.name}", at_most=at_most)
    yield from watches.measure(is_quick=is_quick)


def one_fleet(nodes: int, *, is_quick: bool) -> Iterator[Figure]:
    """Fill a fleet, let it talk, read, and ask all of it."""
    with Supervisor() as supervisor:
        port = supervisor.ports.reserve()
        begun = time.monotonic()
        master = start(supervisor, port, nodes)
        _until_whole(reader(port), nodes)
        yield Figure("master knows the whole fleet", "s", (time.monotonic() - begun,))
        yield busy(master.pid, QUICK_CHATTER_SECONDS if is_quick else CHATTER_SECONDS)
        ask = reader(port)
        for name, path in _paths(ask).items():
            runs = tuple(_milliseconds(ask, path) for _ in range(QUICK_READS if is_quick else READS))
            yield Figure(f"read {name}, p99", "ms", runs, AT_MOST_READ_MS, quantile=0.99)
        gathered = tuple(_command(ask, nodes) for _ in range(COMMANDS))
        yield Figure("command to all, gathered", "s", gathered, AT_MOST_COMMAND_SECONDS)
        yield Figure("peak memory of the master", "MiB", (peak_memory_mib(master.pid),), AT_MOST_MIB)


def busy(pid: int, seconds: float) -> Figure:
    """The master's share of a core while reports come in."""
    before, started = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    share = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - started)
    note = f"at {REPORTS_PER_SECOND} reports a second"
    return Figure("processor of the master", "% of a core", (share,), AT_MOST_CPU_PERCENT, note=note)


Ask = Callable[[str, str], dict[str, object]]


def start(supervisor: Supervisor, port: int, nodes: int) -> Child:
    """Start NATS, the simulated fleet, and a master."""
    nats_port, monitor = supervisor.ports.reserve(), supervisor.ports.reserve()
    url = f"nats://{LOOPBACK}:{nats_port}"
    supervisor.start(parts.nats(supervisor.new_folder("nats"), nats_port, monitor))
    supervisor.start(_fleet(url, nodes))
    command = replace(parts.master(port, {**SETTINGS, "MM_NATS_URL": url}), ready_seconds=FILL_SECONDS)
    return supervisor.start(command)


def reader(port: int) -> Ask:
    """Send requests over one kept connection, as a dashboard does; the master closes one that is idle for seconds."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)

    def ask(method: str, path: str) -> dict[str, object]:
        body = b"{}" if method == "POST" else None
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != http.client.OK:
            raise ConnectionError(f"{method} {path} was answered {answer.status}: {content[:300]!r}")
        return dict(json.loads(content))

    return ask


def _fleet(url: str, nodes: int) -> Command:
    argv = (
        str(programs.python()), "-m", "infra.local.fleet", "--url", url, "--nodes", str(nodes), "--models", str(MODELS),
        "--rate", str(REPORTS_PER_SECOND),
    )  # fmt: skip
    return Command("fleet", argv, ready=lambda: True)


def _until_whole(ask: Ask, nodes: int) -> None:
    """Wait until the master knows every node."""
    started = time.monotonic()
    while (known := _known(ask)) < nodes:
        if time.monotonic() - started > FILL_SECONDS:
            raise TimeoutError(f"the master knows {known} of {nodes} nodes after {FILL_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


def _known(ask: Ask) -> int:
    return int(str(ask("GET", "/v1/nodes?limit=1")["total"]))


def _paths(ask: Ask) -> dict[str, str]:
    """Put a real node and model into the pages' paths."""
    node, model = (_first(ask, kind) for kind in ("nodes", "models"))
    return {name: path.format(node=node, model=model) for name, path in PAGES.items()}


def _first(ask: Ask, kind: str) -> str:
    page = ask("GET", f"/v1/{kind}?limit=1")
    rows = page["items"]
    assert isinstance(rows, list)
    return str(rows[0][kind.removesuffix("s")])


def _milliseconds(ask: Ask, path: str) -> float:
    started = time.perf_counter()
    ask("GET", path)
    return 1000 * (time.perf_counter() - started)


def _command(ask: Ask, nodes: int) -> float:
    """Have all nodes look at the bucket; seconds until all have answered."""
    started = time.perf_counter()
    answers = ask("POST", "/v1/commands/sync")["answers"]
    seconds = time.perf_counter() - started
    if not isinstance(answers, list) or len(answers) != nodes:
        raise ConnectionError(f"not all of {nodes} nodes answered")
    return seconds
