"""What people see: sentences and tables on standard output, failures and questions on standard error.

Where standard output is no terminal a table has a tab between its cells, and no space that only aligns.

Programs read `--json` on standard output, where nothing else is then written. Everything goes through here, and nothing
that is said of nodes, models or the bucket reaches a terminal as it came: it could move the cursor or turn the line.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from events.wording import for_terminal, json_for_terminal
from master.cli.exits import Exit, Failure

STYLES = {
    "serving": "green",
    "not managed": "magenta",
    "well": "green",
    "updating": "cyan",
    "uploading": "cyan",
    "behind": "yellow",
    "held back": "yellow",
    "troubled": "yellow",
    "quarantined": "red",
    "failed": "red",
    "lost": "bold red",
    "absent": "dim",
}


class Screen:
    """Writes for a person, or JSON for a program."""

    def __init__(self, out: Console, errors: Console, *, answers: TextIO | None) -> None:
        """Keep what was given; without `answers`, which is a terminal's input, no question is ever asked."""
        self.out = out
        self.errors = errors
        self._answers = answers

    @property
    def has_person(self) -> bool:
        """Whether there is somebody to ask."""
        return self._answers is not None

    def say(self, *sentences: str, style: str = "") -> None:
        """Print sentences, a line each."""
        for sentence in sentences:
            _print(self.out, sentence, style=style)

    def finding(self, head: Text, sentence: str) -> None:
        """Print a sentence behind a word in its colour."""
        self.out.print(Text.assemble(head, for_terminal(sentence)), soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Tell what is no part of the answer."""
        _print(self.errors, sentence, style="dim")

    def warn(self, sentence: str) -> None:
        """Tell what the reader should not miss."""
        _print(self.errors, sentence, style="yellow")

    def failure(self, failure: Failure) -> None:
        """Say why it ends, and what to do."""
        _print(self.errors, f"error: {failure}", style="red")
        if failure.advice:
            _print(self.errors, f"  {failure.advice}")

    def table(self, *columns: str, rows: Iterable[Sequence[str | Text]]) -> None:
        """Print a table; the last column takes what is left of the line and is folded.

        For a program, which reads what is no terminal, a row is one line with a tab between cells, and nothing is cut.
        """
        if not self.out.is_terminal:
            for row in (columns, *rows):
                self.row(*(cell.plain if isinstance(cell, Text) else cell for cell in row))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns[:-1]:
            table.add_column(name, overflow="fold")
        table.add_column(columns[-1], overflow="fold", ratio=1)
        for row in rows:
            table.add_row(*[cell if isinstance(cell, Text) else Text(for_terminal(cell)) for cell in row])
        self.out.print(table)

    def row(self, *cells: str) -> None:
        """Print a line of a table that goes on."""
        shown = [for_terminal(cell) for cell in cells]
        if self.out.is_terminal:
            _print(self.out, "  ".join(shown))
            return
        line = "\t".join(cell.replace("\n", " ") for cell in shown)
        self.out.file.write(f"{line}\n")
        self.out.file.flush()

    def json(self, answer: object) -> None:
        """Print an answer for a program."""
        if isinstance(answer, BaseModel):
            text = answer.model_dump_json(indent=2)
        else:
            text = TypeAdapter(object).dump_json(answer, indent=2).decode()
        self.out.file.write(json_for_terminal(text) + "\n")

    def line(self, answer: BaseModel) -> None:
        """Print one of many answers for a program, as one line at once."""
        self.out.file.write(json_for_terminal(answer.model_dump_json()) + "\n")
        self.out.file.flush()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask once; `Failure` where the answer is no, or where there is nobody to ask."""
        if yes:
            return
        if self._answers is None:
            advice = "nobody can be asked here: add --yes if that is meant, or --dry-run to see what it would do"
            raise Failure(question, advice=advice, code=Exit.USAGE)
        self.errors.print(for_terminal(f"{question} [y/N] "), end="", markup=False, highlight=False)
        if self._answers.readline().strip().lower() not in {"y", "yes"}:
            raise Failure("nothing was done")


def _print(console: Console, sentence: str, *, style: str = "") -> None:
    console.print(for_terminal(sentence), style=style, markup=False, highlight=False, soft_wrap=True)


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(for_terminal(name), style=STYLES.get(name, ""))


def terminal() -> Screen:
    """The screen of this process."""
    out, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    return Screen(out, errors, answers=sys.stdin if sys.stdin.isatty() else None)
