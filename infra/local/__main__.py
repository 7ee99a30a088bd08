"""`python -m infra.local`: the demo, the stack for your own models, and the upload of a version into it."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from events.names import BadName, ModelName, Version, parse_prefix
from infra.local import programs
from infra.local.bucket import Bucket
from infra.local.child import ChildError
from infra.local.demo import DemoFailed, play
from infra.local.node import Loader
from infra.local.parts import PubSubKind
from infra.local.screen import Screen
from infra.local.stack import Stack, StackOptions
from infra.local.supervisor import Supervisor
from infra.local.upload import Upload
from infra.local.versions import training, write_scripted
from master.publish.folder import check
from service.errors import ModelManagerError

INTERRUPTED = 130  # what shells say of a program ended by Ctrl-C
LOOK_SECONDS = 1.0


class MissingBucket(Exception):
    """There is nothing to upload to."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; SIGTERM and SIGHUP end it as cleanly as Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    given = _parser().parse_args(arguments)
    screen = Screen()
    try:
        return int(given.run(given, screen))
    except (ChildError, DemoFailed, BadName, MissingBucket, ModelManagerError, programs.MissingProgram) as error:
        screen.failure(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def demo(given: argparse.Namespace, screen: Screen) -> int:
    """Show the main job, then stay or end."""
    options = StackOptions(pubsub=given.pubsub, loader=given.loader)
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
                stay(stack, screen)
    screen.fact("done; every part was stopped and nothing is left behind")
    return 0


def up(given: argparse.Namespace, screen: Screen) -> int:
    """Start the stack and stay."""
    screen.act("Starting")
    options = StackOptions(pubsub=given.pubsub, loader=given.loader, folder=given.folder)
    with Stack(options, progress=screen.progress) as stack:
        screen.addresses(stack)
        screen.act("Serve your own model")
        address = f"--gcs-url {stack.gcs_url} --bucket {stack.bucket.name}"
        screen.command(f"{programs.python()} -m infra.local upload SAVED_MODEL_FOLDER MODEL 1 {address}")
        screen.command(f"curl {stack.node.rest_url}/v1/models/MODEL")
        screen.command(f"curl -d '{{\"instances\": [1.0, 2.0]}}' {stack.node.rest_url}/v1/models/MODEL:predict")
        screen.command(f"curl {stack.node.puller_url}/status")
        stay(stack, screen)
    return 0


def upload(given: argparse.Namespace, screen: Screen) -> int:
    """Upload one version."""
    folder, model, version = given.folder, ModelName.parse(given.model), Version.parse(given.version)
    total = sum(check(folder).values())
    with Bucket(given.gcs_url, name=given.bucket, project="local") as bucket, Progress() as bar:
        if not bucket.is_there():
            raise MissingBucket(f"there is no bucket {given.bucket} at {given.gcs_url}; `up` prints the right command")
        task = bar.add_task(f"{model} {version}", total=total)
        sending = Upload(bucket, prefix=parse_prefix(given.prefix), model=model, version=version)
        count = sending.send(folder, with_manifest=not given.no_manifest, moved=lambda count: bar.advance(task, count))
    screen.fact(f"uploaded {count} files as version {version} of {model}")
    return 0


def stay(stack: Stack, screen: Screen) -> None:
    """Wait for Ctrl-C, and say which part ends by itself meanwhile."""
    screen.act("Running until Ctrl-C")
    fallen: set[str] = set()
    try:
        while True:
            for child in stack.supervisor.fallen():
                if child.name not in fallen:
                    fallen.add(child.name)
                    screen.failure(f"{child.name} ended by itself; its log is {child.log}")
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        screen.act("Stopping")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    stack = argparse.ArgumentParser(add_help=False)
    stack.add_argument("--pubsub", type=PubSubKind, choices=list(PubSubKind), default=PubSubKind.AUTO)
    stack.add_argument("--loader", type=Loader, choices=list(Loader), default=Loader.AUTO)
    manifest = argparse.ArgumentParser(add_help=False)
    manifest.add_argument("--no-manifest", action="store_true", help="upload as a training job does, without manifest")
    one = commands.add_parser("demo", parents=[stack, manifest], help="show the main job with a timeline")
    one.add_argument(
        "--once", action="store_true", help="end when it is shown (always so if the output is no terminal)"
    )
    one.set_defaults(run=demo)
    stays = commands.add_parser("up", parents=[stack], help="the stack for your own models, until Ctrl-C")
    stays.add_argument("--folder", type=Path, help="keep objects, models and logs here, for the next time, too")
    stays.set_defaults(run=up)
    send = commands.add_parser("upload", parents=[manifest], help="upload a version, the manifest last")
    send.add_argument("folder", type=Path)
    send.add_argument("model")
    send.add_argument("version")
    send.add_argument("--gcs-url", required=True)
    send.add_argument("--bucket", required=True)
    send.add_argument("--prefix", default="")
    send.set_defaults(run=upload)
    return parser


if __name__ == "__main__":
    sys.exit(main())
