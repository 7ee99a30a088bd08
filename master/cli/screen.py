"""What people see: sentences and tables on standard output, failures and questions on standard error.

Programs read `--json` on standard output, where nothing else is then written.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from master.cli.ends import Exit, Failure

PLAIN_WIDTH = 200  # columns where the output is no terminal: a table in a log shall not be cut

STYLES = {
    "serving": "green",
    "well": "green",
    "updating": "cyan",
    "behind": "yellow",
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

    def say(self, *sentences: str, style: str = "") -> None:
        """Print sentences, a line each."""
        for sentence in sentences:
            self.out.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)

    def note(self, sentence: str) -> None:
        """Tell what is no part of the answer."""
        self.errors.print(sentence, style="dim", markup=False, highlight=False, soft_wrap=True)

    def warn(self, sentence: str) -> None:
        """Tell what the reader should not miss."""
        self.errors.print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def failure(self, failure: Failure) -> None:
        """Say why it ends, and what to do."""
        self.errors.print(f"error: {failure}", style="red", markup=False, highlight=False, soft_wrap=True)
        if failure.advice:
            self.errors.print(f"  {failure.advice}", markup=False, highlight=False, soft_wrap=True)

    def table(self, *columns: str, rows: Iterable[Sequence[str | Text]]) -> None:
        """Print a table; the last column takes what is left of the line and is folded."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns[:-1]:
            table.add_column(name, overflow="fold")
        table.add_column(columns[-1], overflow="fold", ratio=1)
        for row in rows:
            table.add_row(*[cell if isinstance(cell, Text) else Text(cell) for cell in row])
        self.out.print(table)

    def json(self, answer: object) -> None:
        """Print an answer for a program."""
        if isinstance(answer, BaseModel):
            text = answer.model_dump_json(indent=2)
        else:
            text = TypeAdapter(object).dump_json(answer, indent=2).decode()
        self.out.file.write(text + "\n")

    def line(self, answer: BaseModel) -> None:
        """Print one of many answers for a program, as one line at once."""
        self.out.file.write(answer.model_dump_json() + "\n")
        self.out.file.flush()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask once; `Failure` where the answer is no, or where there is nobody to ask."""
        if yes:
            return
        if self._answers is None:
            advice = "nobody can be asked here: add --yes if that is meant, or --dry-run to see what it would do"
            raise Failure(question, advice=advice, code=Exit.USAGE)
        self.errors.print(f"{question} [y/N] ", end="", markup=False, highlight=False)
        if self._answers.readline().strip().lower() not in {"y", "yes"}:
            raise Failure("nothing was done")


def state(name: str) -> Text:
    """A state in its colour."""
    return Text(name, style=STYLES.get(name, ""))


def terminal(*, has_columns: bool) -> Screen:
    """The screen of this process; `has_columns` says that the environment fixes its width."""
    out, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    if not out.is_terminal and not has_columns:
        out = Console(highlight=False, width=PLAIN_WIDTH)
    return Screen(out, errors, answers=sys.stdin if sys.stdin.isatty() else None)
