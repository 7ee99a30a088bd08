"""`make chaos SECONDS=… SEED=…`: disturb a two-node cluster in every way there is, and watch seven rules from outside.

The plan comes from the seed alone. Plan, timeline, report and the parts' logs are written to build/chaos; the exit code
is 1 when a rule was violated, 2 when the run could not be made.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from math import inf
from pathlib import Path
from typing import Final

from infra.local.child import ROOT, ChildError
from infra.local.faults.rehearsal import SERVICES, Rehearsal, RehearsalOptions
from infra.local.screen import Screen
from tests.chaos import plan, report
from tests.chaos.observations import Fallen, Seen
from tests.chaos.plan import Fault, Wishes
from tests.chaos.report import Ran
from tests.chaos.rules import judge
from tests.chaos.run import BOUND_SECONDS, SETTINGS, NotReady, Run
from tests.chaos.signing import Signing

FOLDER: Final = ROOT / "build/chaos"
NODES: Final = ("node-1", "node-2")
VIOLATED, FAILED = 1, 2
INTERRUPTED: Final = 130
BUG: Final = "by a bug"


def main() -> int:
    """Make a run; the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    given = _parser().parse_args()
    try:
        wishes = Wishes(tuple(given.fault or Fault), given.pace)
        return chaos(given.seed, given.seconds, wishes=wishes, folder=given.folder)
    except (ChildError, NotReady, OSError) as error:
        sys.stderr.write(f"error: the run could not be made: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def chaos(seed: int, seconds: float, *, wishes: Wishes, folder: Path) -> int:
    """Run, judge, report."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    steps = plan.make(seed, seconds, nodes=NODES, wishes=wishes)
    (folder / "plan.jsonl").write_text("".join(f"{plan.render(step)}\n" for step in steps))
    began = time.monotonic()
    signing = Signing.prepare(folder / "signatures")
    options = RehearsalOptions(nodes=NODES, settings={**SETTINGS, **signing.settings})
    with (folder / "timeline.log").open("w") as timeline, Rehearsal(options, progress=Screen().progress) as rehearsal:

        def tell(at: float, words: str) -> None:
            for output in (timeline, sys.stdout):
                output.write(f"{at:8.2f} {words}\n")
                output.flush()

        run = Run(rehearsal, tell, signing=signing)
        try:
            asyncio.run(run.go(steps, until=asyncio.sleep(seconds)))
        finally:
            _keep(rehearsal, folder)
        reached = {name: frozenset().union(*(stage.steps(name) for stage in rehearsal.nodes)) for name in SERVICES}
    run.seen.fallen += bugs(folder / "logs")
    ran = Ran(
        seed=seed,
        seconds=seconds,
        again=_again(seed, seconds, wishes),
        software=_commit(),
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        lasted_seconds=time.monotonic() - began,
        bound_seconds=BOUND_SECONDS,
        counts=run.counts,
        faults=run.troubles.done,
        spoilt=run.troubles.spoilt,
        steps=reached,
        violations=judge(run.seen, bound_seconds=BOUND_SECONDS),
    )
    return end(ran, run.seen, folder)


def end(ran: Ran, seen: Seen, folder: Path) -> int:
    """Write and show the report; the exit code."""
    words = report.write(ran, seen)
    (folder / "report.md").write_text(words)
    sys.stdout.write(f"\n{words}\nplan, timeline, logs and this report are in {folder}\n")
    return VIOLATED if ran.violations else 0


def bugs(logs: Path) -> list[Fallen]:
    """What the services themselves call a bug: no fault from outside may bring one about."""
    return [
        Fallen(inf, path.stem, f"a bug in its log: {line[:200]}")
        for path in sorted(logs.glob("*.log"))
        for line in path.read_text(errors="replace").splitlines()
        if BUG in line
    ]


def _keep(rehearsal: Rehearsal, folder: Path) -> None:
    """Keep the logs of all parts, and the nodes' disks as they are."""
    shutil.copytree(rehearsal.stack.supervisor.folder / "logs", folder / "logs")
    for stage in rehearsal.nodes:
        listing = sorted(str(path.relative_to(stage.node.models)) for path in stage.node.models.rglob("*"))
        (folder / f"{stage.name}.files").write_text("\n".join(listing) + "\n")
        for name in SERVICES:
            with contextlib.suppress(OSError):
                url = stage.node.puller_url if name == "puller" else stage.node.configurator_url
                (folder / f"{stage.name}.{name}.json").write_bytes(_get(f"{url}/status"))


def _get(url: str) -> bytes:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5.0) as answer:
        return bytes(answer.read())


def _again(seed: int, seconds: float, wishes: Wishes) -> str:
    """The command that makes a run again."""
    words = [f"--pace {wishes.pace:g}"] if wishes.pace != 1.0 else []
    words += [f"--fault {fault.name}" for fault in wishes.faults if len(wishes.faults) < len(Fault)]
    arguments = f' ARGS="{" ".join(words)}"' if words else ""
    return f"make chaos SECONDS={seconds:g} SEED={seed}{arguments}"


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=180.0, help="how long operations and faults go on (%(default)g)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the plan is made from it (%(default)s)")
    parser.add_argument("--pace", type=float, default=1.0, help="so many times as much time between what happens")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the records go (%(default)s)")
    parser.add_argument(
        "--fault", type=lambda name: Fault[name], action="append", metavar="NAME",
        help=f"only these faults; may be repeated: {', '.join(fault.name for fault in Fault)}",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
