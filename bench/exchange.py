"""What a site's line carries, and how long it takes, when several nodes want one version: real pullers, real lines.

Each puller is a host of its own (`bench/lan.py`); the bucket stands behind a line that is the narrowest part.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log2
from statistics import median

from bench import lan, trees
from bench.figures import Figure, Row, Unmeasured, ratios
from bench.site import LAN_MBIT, LINE_MBIT, MODEL, VERSION, Shared, Site, site
from bench.virtual_site import Habits, Network
from events.names import NodeName
from infra.local.supervisor import Supervisor

MB, GB = 1_000_000, 1_000_000_000
NAME = "real pullers behind one line"
AT_MOST_LINE, AT_MOST_ALL, AT_MOST_KILLED = 1.02, 1.25, 1.5
AT_MOST_SERVING = 0.3  # seconds of processor time per GB
AT_MOST_ALONE = 1.02  # no slower, and what two runs of the same differ by


@dataclass(frozen=True, slots=True)
class Plan:
    """How many nodes share how much, how often."""

    nodes: int
    total: int
    rounds: int


UNITS, SIMULATED, QUICK_SIMULATED = 100, 1000, 100
SIMULATED_STEP = 0.2  # seconds of virtual time
MOST_SECONDS = 1000.0  # of virtual time
FULL, QUICK = Plan(8, 400 * MB, 2), Plan(3, 60 * MB, 1)


@dataclass(frozen=True, slots=True)
class Found:
    """All fetches of all rounds, by what the site was."""

    alone: Sequence[Shared]
    without: Sequence[Shared]
    together: Sequence[Shared]
    killed: Sequence[Shared]
    serving: Sequence[float]  # seconds of processor time for one version given


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Measure real pullers, and simulate many more."""
    yield from whole_site(QUICK if is_quick else FULL)
    yield from simulate(QUICK_SIMULATED if is_quick else SIMULATED)


def whole_site(plan: Plan, *, why_not: Callable[[], str] = lan.why_not) -> Iterator[Row]:
    """Fetch alone, without the exchange, together, and with one node killed, in turns."""
    if reason := why_not():
        yield Unmeasured(NAME, reason)
        return
    with Supervisor() as supervisor, site(supervisor, nodes=plan.nodes) as place:
        total = deliver(place, plan.total)
        found = asyncio.run(rounds(place, plan, total))
    yield from rows(plan, total, found)


def simulate(nodes: int) -> Iterator[Row]:
    """Run the pullers' own decisions in virtual time, where a machine has no such number of nodes."""
    network = Network(UNITS, {NodeName(f"n{number}"): Habits() for number in range(nodes)}, step=SIMULATED_STEP)
    network.run(until=MOST_SECONDS)
    ends = [node.done_at for node in network.nodes.values() if node.done_at is not None]
    name = f"{nodes:,} simulated nodes"
    if len(ends) < nodes:
        yield Unmeasured(name, f"{nodes - len(ends)} of them lack the version after {MOST_SECONDS:g} virtual seconds")
        return
    least = UNITS / network.line + log2(nodes) / network.port
    pieces = f"{UNITS} pieces, LAN {network.port / network.line:g} times the line; least: the version over the line"
    optimum = f"{max(ends):.1f} s, least {least:.1f} s: the version over the line, one piece from node to node"
    yield Figure(f"{name}: bytes over the line / version", "x", (network.egress / UNITS,), note=f"{pieces} once, 1")
    yield Figure(f"{name}: until all have it / least", "x", (max(ends) / least,), note=optimum)


def deliver(place: Site, size: int) -> int:
    """Bring the version with its manifest into the bucket; its bytes."""
    source = place.place.supervisor.new_folder("source")
    tree = trees.shard_and_small(shard=size, small=0, each=0)
    trees.write(tree, source, seed=1)
    place.place.upload(source, MODEL, VERSION)
    place.place.forget_uploads()
    return sum(place.place.objects(f"{MODEL}/{VERSION}/").values())


async def rounds(place: Site, plan: Plan, total: int) -> Found:
    """Do everything as often as planned, so that what is compared ran close together."""
    alone, without, together, killed, serving = [], [], [], [], []
    for _ in range(plan.rounds):
        place.place.warm()
        without.append(await place.fetch(1, exchange=False))
        alone.append(await place.fetch(1))
        together.append(await place.fetch(plan.nodes))
        killed.append(await place.fetch(plan.nodes, kill_at_bytes=total // 2))
        serving.append(await place.serve())
    return Found(alone, without, together, killed, serving)


def rows(plan: Plan, total: int, found: Found) -> Iterator[Row]:
    """Put the fetches into figures."""
    nodes, least = f"{plan.nodes} nodes", 8 * total / (LINE_MBIT * MB)
    bound = f"the line alone needs {least:.1f} s for {total / MB:.0f} MB"
    lines = f"line {LINE_MBIT} Mbit/s, LAN {LAN_MBIT} Mbit/s each"
    alone = [one.last for one in found.alone]
    yield Figure("1 node: until published", "s", tuple(alone), note=bound)
    yield Figure(f"{nodes}: until all have published", "s", _lasts(found.together), note=lines)
    yield Figure(f"{nodes}, one killed: until all others have", "s", _lasts(found.killed))
    yield Figure("1 node: bytes over the line / version", "x", _shares(found.alone, total))
    yield Figure(f"{nodes}: bytes over the line / version", "x", _shares(found.together, total), AT_MOST_LINE)
    yield Figure(f"{nodes}, one killed: bytes over the line / version", "x", _shares(found.killed, total))
    yield Figure(f"{nodes} / 1 node", "x", ratios(_lasts(found.together), alone), AT_MOST_ALL)
    yield Figure(f"{nodes}, one killed / 1 node", "x", ratios(_lasts(found.killed), alone), AT_MOST_KILLED)
    yield Figure("1 node: exchange on / off", "x", ratios(alone, _lasts(found.without)), AT_MOST_ALONE)
    served = tuple(seconds * GB / total for seconds in found.serving)
    given = f"{median(found.serving):.2f} s for one version given"
    yield Figure("processor time of serving", "s/GB", served, AT_MOST_SERVING, note=given)


def _lasts(fetches: Sequence[Shared]) -> tuple[float, ...]:
    return tuple(one.last for one in fetches)


def _shares(fetches: Sequence[Shared], total: int) -> tuple[float, ...]:
    return tuple(one.line_bytes / total for one in fetches)
