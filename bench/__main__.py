"""`python -m bench [NAME…] [--quick]`: measure, print one table, write `build/bench/NAME.json` and `.svg`.

A missed target is said and is no failure; the exit code tells only whether everything could be measured.
"""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import exchange, fleet, introduce, linking, machine, models, overhead, plots, report, rest, transfer
from bench.figures import Row
from bench.report import Measured
from infra.local.child import ROOT
from service.version import SAID

FOLDER = ROOT / "build/bench"
INTERRUPTED = 130  # what shells say of a program ended by Ctrl-C

Benchmark = Callable[[bool], Iterator[Row]]  # is told whether it shall be quick
BENCHMARKS: dict[str, Benchmark] = {
    "overhead": overhead.measure,
    "transfer": transfer.measure,
    "exchange": exchange.measure,
    "rest": rest.measure,
    "linking": linking.measure,
    "models": models.measure,
    "introduce": introduce.measure,
    "fleet": fleet.measure,
}


def main(
    arguments: Sequence[str] | None = None, *, benchmarks: Mapping[str, Benchmark] = BENCHMARKS, folder: Path = FOLDER
) -> int:
    """Run the benchmarks that are asked for, all of them by default; the exit code."""
    given = _parser(benchmarks).parse_args(arguments)
    results: list[Measured] = []
    code = 0
    try:
        for name in given.names or benchmarks:
            results.append(run(name, benchmarks[name], is_quick=given.quick))
            report.write(results[-1], folder)
    except KeyboardInterrupt:
        code = INTERRUPTED
    console = report.console()
    console.print(report.table(results))
    pictures = list(plots.draw(folder, folder))
    console.print(f"every run is in {folder}/*.json, {len(pictures)} pictures of them in {folder}/*.svg")
    failed = [result.benchmark for result in results if not result.is_whole]
    if failed:
        sys.stderr.write(f"error: could not measure all of: {', '.join(failed)}; see above\n")
    return code or bool(failed)


def run(name: str, benchmark: Benchmark, *, is_quick: bool) -> Measured:
    """Run one benchmark; what was measured before an error is kept."""
    sys.stderr.write(f"{name} …\n")
    around, started = machine.look(), time.monotonic()
    rows: list[Row] = []
    is_whole = True
    try:
        for row in benchmark(is_quick):
            rows.append(row)  # noqa: PERF402 - one by one, to keep those before an error
    except Exception:  # noqa: BLE001 - the edge of the program: say it, and go on with the next benchmark
        traceback.print_exc()
        is_whole = False
    return Measured(name, is_quick, time.monotonic() - started, around, tuple(rows), is_whole)


def _parser(benchmarks: Mapping[str, Benchmark]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("names", nargs="*", choices=[*benchmarks, []], metavar="NAME", help=", ".join(benchmarks))
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer runs, at most two minutes")
    return parser


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
