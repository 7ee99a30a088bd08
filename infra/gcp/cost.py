"""What Google charges for a cluster in a month: `python -m infra.gcp.cost --nodes 20 --models 50 --uploads 24`.

Counted from what the pullers do: a poll lists the bucket's folders, and each model's or all objects, whichever takes
fewer operations (`puller/bucket/client.py`); a published version is not listed again, an upload is heard of object by
object.
Prices are list prices; put your own in.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields

from puller.bucket.client import FLAT_PAGES, FLAT_SHARE, PAGE
from puller.disk.ranges import RANGE_BYTES
from service.version import SAID

DAYS = 30
DAY_SECONDS = 86400
GIB = 1024**3
TIB = 1024**4
MESSAGE_BYTES = 1000  # the least that Pub/Sub charges a request; a notification has some 500
FREE_PUBSUB_GIB = 10
SIGHTS = 2  # lists of an upload beside one for each object: what a peer's hint, and the last look, cost at most


@dataclass(frozen=True, slots=True)
class Load:
    """What a cluster does."""

    nodes: int = 20
    models: int = 50
    uploads: float = 24.0  # versions a day, of all models together
    files: int = 12  # of a version
    kept: float = (
        0.0  # versions of each model in the bucket, where they are few; 0: too many for one list of everything
    )
    gib: float = 1.0  # of a version
    poll: float = 300.0  # seconds, MM_POLL_SECONDS
    linked: float = 0.0  # share of a version's bytes that the one before it had, too: hard-linked, not fetched


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars: Standard storage in one region, Pub/Sub, and the way out to the internet from America or Europe."""

    lists: float = 0.005  # 1,000 Class A operations: lists, uploads
    reads: float = 0.0004  # 1,000 Class B operations: reads
    pubsub: float = 40.0  # TiB behind the first 10 GiB of a month
    egress: float = 0.12  # GiB, the first TiB of a month; over Interconnect some 0.02, to nodes in the region 0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is charged: how much of it in a month, and for how much."""

    what: str
    amount: float
    unit: str
    dollars: float


def estimate(load: Load, prices: Prices) -> tuple[Line, ...]:
    """Tell what a month costs; upper bounds where it depends on how messages fall."""
    return tuple(_lines(load, prices))


def table(lines: tuple[Line, ...]) -> str:
    """Write it in Markdown."""
    rows = [f"| {line.what} | {line.amount:,.0f} {line.unit} | {line.dollars:,.2f} |" for line in lines]
    total = f"| all | | {sum(line.dollars for line in lines):,.2f} |"
    return "\n".join(["| what | in 30 days | USD |", "|---|---|---|", *rows, total, ""])


def _lines(load: Load, prices: Prices) -> Iterator[Line]:
    uploads = load.uploads * DAYS
    fetched_gib = uploads * load.nodes * load.gib * (1 - load.linked)
    polls = load.nodes * (1 + _lists(load)) * DAY_SECONDS / load.poll * DAYS
    yield Line("lists by polls", polls, "operations", polls / 1000 * prices.lists)
    looks = uploads * load.nodes * (load.files + SIGHTS)
    yield Line("lists after uploads", looks, "operations", looks / 1000 * prices.lists)
    written = uploads * load.files
    yield Line("uploads", written, "operations", written / 1000 * prices.lists)
    reads = uploads * load.nodes * load.files + fetched_gib * GIB / RANGE_BYTES
    yield Line("reads", reads, "operations", reads / 1000 * prices.reads)
    message_bytes = uploads * load.files * (1 + load.nodes) * MESSAGE_BYTES
    charged_bytes = max(0.0, message_bytes - FREE_PUBSUB_GIB * GIB)
    yield Line("Pub/Sub", message_bytes / 1024**2, "MiB", charged_bytes / TIB * prices.pubsub)
    yield Line("bytes to the nodes", fetched_gib, "GiB", fetched_gib * prices.egress)


def _lists(load: Load) -> int:
    """Operations of a poll behind the first one."""
    pages = math.ceil(load.models * load.kept * load.files / PAGE)
    return pages if 0 < pages <= min(load.models // FLAT_SHARE, FLAT_PAGES) else load.models


def main(arguments: list[str]) -> int:
    """Run the program; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.gcp.cost", description="Estimate Google's bill of a month.")
    parser.add_argument("--version", action="version", version=SAID)
    for name in fields(Load):
        kind = int if isinstance(name.default, int) else float
        parser.add_argument(f"--{name.name}", type=kind, default=name.default, help="(default: %(default)s)")
    for name in fields(Prices):
        parser.add_argument(f"--price-{name.name}", type=float, default=name.default, help="(default: %(default)s)")
    given = vars(parser.parse_args(arguments))
    load = Load(**{name.name: given[name.name] for name in fields(Load)})
    prices = Prices(**{name.name: given[f"price_{name.name}"] for name in fields(Prices)})
    sys.stdout.write(table(estimate(load, prices)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
