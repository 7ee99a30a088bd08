"""What every command is given: master, screen, settings, time; and the options that many commands share."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from events import resources
from events.names import ModelName, NodeName, Version
from master.cli.client.api import Master
from master.cli.client.http import TIMEOUT_SECONDS, Http
from master.cli.output.screen import Screen, terminal
from master.cli.settings import Settings, load
from service import google_access

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command."""

    settings: Settings
    screen: Screen
    master: Master
    now: Callable[[], datetime]
    pause: Callable[[float], None]  # for so many seconds


def from_environment(*, url: str = "", seconds: float = TIMEOUT_SECONDS) -> Session:
    """The session of this process."""
    settings = load(os.environ)
    ca_file = _reach_google(settings).ca_file
    transport = Http(url or settings.master_url, token=settings.token, timeout_seconds=seconds, ca_file=ca_file)
    return Session(
        settings,
        terminal(),
        Master(transport),
        now=lambda: datetime.now(UTC),
        pause=time.sleep,
    )


def _reach_google(settings: Settings) -> google_access.Way:
    """Check what is set about the way to Google, and have every client use that proxy and those CAs."""
    try:
        google_access.check_proxy(settings.proxy)
    except ValueError as error:
        raise typer.BadParameter(f"MM_PROXY is {error}") from error
    try:
        resources.parse_project(settings.billing_project)
    except ValueError as error:
        raise typer.BadParameter(f"MM_BILLING_PROJECT: {error}") from error
    try:
        if settings.ca_file:
            google_access.check_ca_file(Path(settings.ca_file))
    except ValueError as error:
        raise typer.BadParameter(f"MM_CA_FILE: {error}") from error
    return google_access.spread(os.environ, proxy=settings.proxy, ca_file=settings.ca_file)


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
    try:
        return [row.model for row in from_environment(seconds=1.0).master.models() if row.model.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a completion has no place to tell an error
        return []


def complete_nodes(incomplete: str) -> list[str]:
    """Offer the nodes that the master knows."""
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
