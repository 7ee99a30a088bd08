"""The command, put together: every subcommand in its panel of the help, and one session for the run."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from master.cli.exits import MEANINGS
from master.cli.session import from_environment
from master.cli.subcommands import add
from service.version import SAID

PANELS: Mapping[str, Sequence[str]] = {
    "Look": (
        "show.status",
        "show.nodes",
        "show.models",
        "show.model",
        "show.explain",
        "history.history",
        "prove.prove",
        "follow.watch",
    ),
    "Change what is wanted": (
        "change.pin",
        "change.unpin",
        "change.rollback",
        "change.pull",
        "change.unpull",
        "change.label",
        "change.pause",
        "change.resume",
        "change.retry",
        "change.remove",
        "change.restore",
    ),
    "Do now": (
        "ask.sync",
        "ask.reload",
        "ask.retention",
        "follow.wait",
        "publish.publish",
        "signing.sign",
        "signing.verify",
        "forget.forget",
        "change.forget_model",
    ),
    "Set up": ("bootstrap.bootstrap", "doctor.doctor", "token.token", "signing.keys"),
}


def main() -> None:
    """Run `model-manager`."""
    build(sys.argv[1:])(prog_name="model-manager")


def build(arguments: Sequence[str]) -> typer.Typer:
    """Put the command together, with the subcommands that the arguments name; with all where they name none (help)."""
    app = typer.Typer(
        name="model-manager",
        help="See and change what every TensorFlow Serving node serves.",
        epilog=MEANINGS,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(start)
    everything = [(panel, path) for panel, paths in PANELS.items() for path in paths]
    named = [(panel, path) for panel, path in everything if command_name(path) in arguments]
    # Loading every subcommand would take longer than most of them run.
    for panel, path in named or everything:
        module, _, function = path.partition(".")
        command = getattr(import_module(f".commands.{module}", __package__), function)
        add(app, command, panel=panel, name=command_name(path))
    return app


def command_name(path: str) -> str:
    """The name that people type, out of the place where the command's function is."""
    return path.partition(".")[2].replace("_", "-")


def _say_version(is_asked: bool) -> None:  # noqa: FBT001 - Typer's signature
    if is_asked:
        sys.stdout.write(f"{SAID}\n")
        raise typer.Exit


def start(
    ctx: typer.Context,
    *,
    master: Annotated[
        str, typer.Option("--master", metavar="URL", help="the master's address, instead of MM_MASTER_URL")
    ] = "",
    version: Annotated[  # noqa: ARG001 - it ends the command itself
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="say which version this is")
    ] = False,
) -> None:
    """See and change what every TensorFlow Serving node serves."""
    if ctx.obj is None:  # tests bring a session of their own
        ctx.obj = from_environment(url=master)
