"""How far a long piece of work is, on a terminal; nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from master.cli.output.screen import Screen

if TYPE_CHECKING:
    from service.reading import Read


@contextmanager
def bar(screen: Screen, what: str, size: int) -> "Iterator[Read]":
    """Show how far it is, on a terminal."""
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen.errors, disable=not screen.errors.is_terminal) as progress:
        task = progress.add_task(what, total=size)
        yield lambda count: progress.advance(task, count)
