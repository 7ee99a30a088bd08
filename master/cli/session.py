"""What every command is given: master, screen, settings, time; and the options that many commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

import typer

from events.names import ModelName, NodeName, Version
from master.cli.client import Master
from master.cli.screen import Screen
from master.cli.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command."""

    settings: Settings
    screen: Screen
    master: Master
    now: Callable[[], datetime]
    pause: Callable[[float], None]  # for so many seconds


def parsed(parse: Callable[[str], T]) -> Callable[[str | T], T]:
    """Make a parser whose error names the broken rule on the command line; a default comes parsed already."""

    def checked(given: str | T) -> T:
        try:
            return parse(given) if isinstance(given, str) else given
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return checked


def complete_models(incomplete: str) -> list[str]:
    """Offer the models that the master knows; nothing where it does not answer, for a shell that hangs is worse."""
    from master.cli.main import from_environment  # noqa: PLC0415 - main imports this module

    try:
        return [row.model for row in from_environment(seconds=1.0).master.models() if row.model.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a completion has no place to tell an error
        return []


def complete_nodes(incomplete: str) -> list[str]:
    """Offer the nodes that the master knows."""
    from master.cli.main import from_environment  # noqa: PLC0415 - main imports this module

    try:
        return [row.node for row in from_environment(seconds=1.0).master.nodes() if row.node.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a completion has no place to tell an error
        return []


Model = Annotated[
    ModelName,
    typer.Argument(metavar="MODEL", parser=parsed(ModelName.parse), autocompletion=complete_models, show_default=False),
]
OneVersion = Annotated[Version, typer.Argument(metavar="VERSION", parser=parsed(Version.parse), show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="print JSON for a program")]
Nodes = Annotated[
    list[NodeName] | None,
    typer.Option(
        "--node",
        "-n",
        metavar="NODE",
        parser=parsed(NodeName.parse),
        autocompletion=complete_nodes,
        help="only on this node; may be given several times",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class How:
    """The options of commands that change something: where, whether for real, asked or not, and how it is shown."""

    nodes: Nodes = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would happen on each node, change nothing")] = (
        False
    )
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False
    reason: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="why; the history shows it")] = ""
    ahead: Annotated[
        bool, typer.Option("--ahead", help="a model or version that no node knows yet is meant: it is still to come")
    ] = False
    as_json: Json = False

    @property
    def where(self) -> tuple[NodeName, ...]:
        """The chosen nodes; none means all."""
        return tuple(self.nodes or ())
