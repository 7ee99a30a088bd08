"""Pictures of what was measured, out of the JSON files, one SVG a benchmark: `python -m bench.plots FROM TO`.

Colours tell ours from others and are told apart without colour vision; a bar ends at the figure, its whisker shows
least and most of the runs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from bench.figures import Figure
from bench.report import number

OURS, THEIRS, TARGET = "#0b6e99", "#b8bec5", "#b3261e"
WIDTH, ROW_HEIGHT, LEAST_HEIGHT = 8.0, 0.34, 2.6  # inches


@dataclass(frozen=True, slots=True)
class Results:
    """One benchmark's figures, and what they were measured on."""

    benchmark: str
    machine: str
    figures: tuple[Figure, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that `bench.report.write` wrote."""
        document = json.loads(path.read_text())
        machine = document["machine"]
        told = f"commit {machine['commit']}, {machine['at']}, {machine['cores']} cores, load {machine['load'][0]:.1f}"
        known = ("name", "unit", "at_most", "quantile", "note")
        figures = (
            Figure(**{key: row[key] for key in known}, runs=tuple(row["runs"]))
            for row in document["rows"]
            if "runs" in row
        )
        return cls(document["benchmark"], told, tuple(figures))

    def below(self, head: str) -> list[Figure]:
        """The figures whose names begin so, without that beginning."""
        return [replace(one, name=one.name.removeprefix(head)) for one in self.figures if one.name.startswith(head)]

    def series(self, tail: str) -> dict[int, Figure]:
        """One figure over growing sizes: names like `1,000 models: memory`."""
        return {
            int(head.split()[0].replace(",", "")): one
            for one in self.figures
            for head, _, name in [one.name.partition(": ")]
            if name == tail and head.split()[0].replace(",", "").isdigit()
        }


def bars(axes: Axes, figures: Sequence[Figure], *, ours: Callable[[str], bool] = lambda _: True) -> None:
    """Draw a row for each figure, with its number, its spread and its target."""
    places = range(len(figures))
    for place, one in zip(places, figures, strict=True):
        spread = [[one.value - min(one.runs)], [max(one.runs) - one.value]]
        axes.barh(place, one.value, color=OURS if ours(one.name) else THEIRS, height=0.62)
        axes.errorbar(one.value, place, xerr=spread, color="#30363b", linewidth=0.8, capsize=2)
        axes.annotate(
            f"{number(one.value)} {one.unit}", (max(one.runs), place), (4, 0), textcoords="offset points", va="center"
        )
        if one.at_most is not None:
            axes.plot([one.at_most] * 2, [place - 0.45, place + 0.45], color=TARGET, linewidth=1.6)
    axes.set_yticks(places, [one.name for one in figures])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.18)


def lines(axes: Axes, title: str, series: Mapping[int, Figure], *, xlabel: str) -> None:
    """Draw one figure over sizes that grow by tens."""
    sizes = sorted(series)
    axes.plot(sizes, [series[size].value for size in sizes], color=OURS, marker="o", markersize=4)
    for size in sizes:
        at = (size, series[size].value)
        axes.annotate(number(series[size].value), at, (0, 6), textcoords="offset points", ha="center")
    axes.set_xscale("log")
    values = [one.value for one in series.values()]
    if values and max(values) > 20 * min(values) > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(xlabel)
    axes.margins(x=0.14, y=0.14)


def overhead(results: Results) -> Picture:
    """Where the time between an upload and the first answer goes."""
    stages = [one for one in results.figures if one.unit == "ms" and "AVAILABLE" not in one.name]
    picture, (axes,) = canvas(results, "A small version, from upload to reload (red: target)", rows=len(stages))
    bars(axes, stages)
    return picture


def transfer(results: Results) -> Picture:
    """Our seconds beside those of other programs, tree by tree."""
    trees = list(dict.fromkeys(one.name.partition(":")[0] for one in results.figures))
    picture, all_axes = canvas(results, "Seconds for the same files", rows=8, columns=len(trees))
    for axes, tree in zip(all_axes, trees, strict=True):
        seconds = [one for one in results.below(f"{tree}: ") if one.unit == "s" and "of it" not in one.name]
        bars(axes, seconds, ours=lambda name: name == "puller")
        axes.set_title(tree, fontsize=9, loc="left")
    return picture


def rest(results: Results) -> Picture:
    """Start, memory and processor at rest, against their targets."""
    return by_unit(results, "At rest (red: target)")


def exchange(results: Results) -> Picture:
    """What a site's line carries, and how long it takes."""
    return by_unit(results, "Nodes of one site want one version (red: target)")


def linking(results: Results) -> Picture:
    """What equal files save."""
    return by_unit(results, "A version that shares 80 % of its bytes")


def by_unit(results: Results, title: str) -> Picture:
    """Draw figures of one unit together, the units side by side."""
    units = list(dict.fromkeys(one.unit for one in results.figures))
    picture, all_axes = canvas(results, title, rows=5, columns=len(units))
    for axes, unit in zip(all_axes, units, strict=True):
        bars(axes, [one for one in results.figures if one.unit == unit])
    return picture


def models(results: Results) -> Picture:
    """The puller's cost as models grow."""
    shown = {"pass": "a pass, ms", "list operations a pass": "list operations a pass", "memory": "memory, MiB"}
    return grown(results, "One puller, more and more models", shown, xlabel="models")


def fleet(results: Results) -> Picture:
    """The master's cost as the fleet grows."""
    shown = {
        "read overview, p99": "read the overview, p99, ms",
        "command to all, gathered": "command to all, s",
        "peak memory of the master": "memory, MiB",
    }
    return grown(results, "One master, more and more nodes of 200 models", shown, xlabel="nodes")


def grown(results: Results, title: str, shown: Mapping[str, str], *, xlabel: str) -> Picture:
    """Draw several figures over the same sizes, side by side."""
    picture, all_axes = canvas(results, title, rows=7, columns=len(shown))
    for axes, (name, told) in zip(all_axes, shown.items(), strict=True):
        lines(axes, told, results.series(name), xlabel=xlabel)
    return picture


def canvas(results: Results, title: str, *, rows: int, columns: int = 1) -> tuple[Picture, Sequence[Axes]]:
    """Make room for diagrams side by side, with a title above and the machine below."""
    height = max(LEAST_HEIGHT, 1.1 + ROW_HEIGHT * rows)
    picture = Picture(figsize=(WIDTH * max(1.0, columns * 0.62), height), layout="constrained")
    picture.suptitle(title, x=0.01, ha="left", fontweight="bold")
    picture.supxlabel(results.machine, x=0.01, ha="left", fontsize=7, color="#6a737d")
    return picture, list(picture.subplots(1, columns, squeeze=False)[0])


DRAWINGS: Mapping[str, Callable[[Results], Picture]] = {
    "overhead": overhead,
    "transfer": transfer,
    "exchange": exchange,
    "rest": rest,
    "linking": linking,
    "models": models,
    "fleet": fleet,
}


def draw(source: Path, target: Path) -> Iterable[Path]:
    """Draw every benchmark that has figures; the files that were written."""
    target.mkdir(parents=True, exist_ok=True)
    with _style():
        for name, drawing in DRAWINGS.items():
            measured = source / f"{name}.json"
            if measured.exists() and (results := Results.read(measured)).figures:
                path = target / f"{name}.svg"
                drawing(results).savefig(path, metadata={"Date": None})
                yield path


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.hashsalt": "model.manager",  # the same figures give the same file
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": True,
            "grid.color": "#e6e8ea",
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.plots", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of the JSON files")
    parser.add_argument("target", type=Path, help="folder for the pictures")
    given = parser.parse_args(arguments)
    for path in draw(given.source, given.target):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
