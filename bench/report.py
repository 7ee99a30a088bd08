"""One table for people, one JSON file a benchmark for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.figures import Figure, Row, Unmeasured
from bench.machine import Machine

PLAIN_WIDTH = 150  # columns where the output is no terminal


@dataclass(frozen=True, slots=True)
class Measured:
    """What one benchmark found, and how long it took."""

    benchmark: str
    is_quick: bool
    seconds: float
    machine: Machine
    rows: tuple[Row, ...]
    is_whole: bool = True  # False: an error ended it early


def console() -> Console:
    """Where the table goes; wide enough for it where the output is a pipe."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def table(results: Sequence[Measured]) -> Table:
    """Put all figures into one table."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("figure", "value", "", "least", "most", "runs", "target", "verdict", "note"):
        is_number = heading in {"value", "least", "most", "runs", "target"}
        shown.add_column(heading, justify="right" if is_number else "left", no_wrap=heading != "note", overflow="fold")
    for result in results:
        shown.add_row(f"[bold]{result.benchmark}[/bold]", *[""] * 7, f"[dim]{result.seconds:.0f} s[/dim]")
        for row in result.rows:
            shown.add_row(*_cells(row))
    return shown


def write(result: Measured, folder: Path) -> Path:
    """Write one benchmark's figures with all runs as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.benchmark}.json"
    document = {**asdict(result), "rows": [_document(row) for row in result.rows]}
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def verdict(figure: Figure) -> str:
    """Whether a figure meets its target, in words."""
    if figure.missed_by is None:
        return ""
    return f"missed by {number(figure.missed_by)} {figure.unit}".rstrip() if figure.missed_by else "met"


def number(value: float) -> str:
    """Three digits that matter, as people read them."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cells(row: Row) -> tuple[str, ...]:
    match row:
        case Unmeasured(name=name, reason=reason):
            return (f"  {escape(name)}", "-", "", "", "", "", "", "not measured", escape(reason))
        case Figure():
            target = "" if row.at_most is None else f"≤ {number(row.at_most)}"
            style = {"": "", "met": "green"}.get(verdict(row), "yellow")
            said = f"[{style}]{verdict(row)}[/{style}]" if style else ""
            spread = (number(min(row.runs)), number(max(row.runs)), str(len(row.runs)))
            return (f"  {escape(row.name)}", number(row.value), row.unit, *spread, target, said, escape(row.note))


def _document(row: Row) -> Mapping[str, object]:
    match row:
        case Unmeasured():
            return asdict(row)
        case Figure():
            spread = {"value": row.value, "least": min(row.runs), "most": max(row.runs), "missed_by": row.missed_by}
            return {**asdict(row), **spread}
