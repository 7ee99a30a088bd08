"""`python -m infra.local`: the demo, and the stack for your own models."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from infra.local import operate, programs
from infra.local.child import ChildError
from infra.local.demo import play
from infra.local.node import Loader
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.screen import Screen
from infra.local.stack import MASTER_PORT, Stack, StackOptions
from infra.local.supervisor import Supervisor
from infra.local.versions import training, write_scripted
from infra.local.waiting import DemoFailed
from service.errors import ModelManagerError
from service.version import SAID

INTERRUPTED = 130  # what shells say of a program ended by Ctrl-C
LOOK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; SIGTERM and SIGHUP end it as cleanly as Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    screen = Screen()
    try:
        return int(given.run(given, screen))
    except (ChildError, DemoFailed, ModelManagerError, programs.MissingProgram) as error:
        screen.failure(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def demo(given: argparse.Namespace, screen: Screen) -> int:
    """Show the main job, then stay or end."""
    options = StackOptions(pubsub=given.pubsub, loader=given.loader, nodes=_nodes(given), master=True)
    python = programs.tensorflow_python() if options.loader is not Loader.SCRIPTED else None
    screen.act("Starting")
    with Supervisor(progress=screen.progress) as trainer:
        versions = trainer.new_folder("versions")
        child = trainer.launch(training(python, versions)) if python else None
        with Stack(options, progress=screen.progress) as stack:
            if child:
                trainer.wait_ready(child)
            else:
                write_scripted(versions)
            try:
                asyncio.run(play(stack, screen, versions=versions, with_manifest=not given.no_manifest))
            except DemoFailed:
                screen.logs(stack.node.children)
                raise
            if screen.is_terminal and not given.once:
                screen.addresses(stack)
                operator(stack, screen)
                stay(stack, screen)
    screen.fact("done; every part was stopped and nothing is left behind")
    return 0


def up(given: argparse.Namespace, screen: Screen) -> int:
    """Start the stack and stay."""
    screen.act("Starting")
    options = StackOptions(
        pubsub=given.pubsub, loader=given.loader, nodes=_nodes(given), master=True, folder=given.folder
    )
    with Stack(options, progress=screen.progress) as stack:
        screen.addresses(stack)
        operator(stack, screen)
        screen.act("Serve your own model")
        place = f"gs://{stack.bucket.name}/{options.prefix}MODEL/1"
        screen.command(operate.line(f"publish SAVED_MODEL_FOLDER {place}"))
        screen.command(operate.line("wait MODEL 1"))
        screen.command(f"curl -d '{{\"instances\": [1.0, 2.0]}}' {stack.node.rest_url}/v1/models/MODEL:predict")
        screen.command(operate.line("status"))
        screen.command(operate.line("--help"))
        stay(stack, screen)
    return 0


def operator(stack: Stack, screen: Screen) -> None:
    """Print the lines that lead a shell to this stack."""
    if stack.master_url != f"http://{LOOPBACK}:{MASTER_PORT}":
        screen.fact(f"port {MASTER_PORT} is taken, so the master answers at {stack.master_url}")
    screen.act("Operate it: type this into another terminal, once")
    for line in operate.lines(stack):
        screen.command(line)


def stay(stack: Stack, screen: Screen) -> None:
    """Wait for Ctrl-C, and say which part ends by itself meanwhile."""
    fallen: set[str] = set()
    try:
        screen.act("Running until Ctrl-C")
        while True:
            for child in stack.supervisor.fallen():
                if child.name not in fallen:
                    fallen.add(child.name)
                    screen.failure(f"{child.name} ended by itself; its log is {child.log}")
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        screen.act("Stopping")


def _nodes(given: argparse.Namespace) -> tuple[str, ...]:
    return tuple(f"node-{number}" for number in range(1, given.nodes + 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--version", action="version", version=SAID)
    commands = parser.add_subparsers(required=True, metavar="command")
    stack = argparse.ArgumentParser(add_help=False)
    stack.add_argument("--pubsub", type=PubSubKind, choices=list(PubSubKind), default=PubSubKind.AUTO)
    stack.add_argument("--loader", type=Loader, choices=list(Loader), default=Loader.AUTO)
    one = commands.add_parser("demo", parents=[stack], help="show the main job with a timeline")
    one.add_argument("--no-manifest", action="store_true", help="upload as a training job does, without manifest")
    one.add_argument(
        "--once", action="store_true", help="end when it is shown (always so if the output is no terminal)"
    )
    one.add_argument(
        "--nodes", type=int, choices=(1, 2), default=1, help="with 2, see how they share a download (%(default)s)"
    )
    one.set_defaults(run=demo)
    stays = commands.add_parser("up", parents=[stack], help="the stack for your own models, until Ctrl-C")
    stays.add_argument("--nodes", type=int, choices=range(1, 6), default=2, help="how many; each needs 0.5 GB")
    stays.add_argument("--folder", type=Path, help="keep objects, models and logs here, for the next time, too")
    stays.set_defaults(run=up)
    return parser


if __name__ == "__main__":
    sys.exit(main())
