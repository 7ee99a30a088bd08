"""`python -m infra.local.faults`: rehearse trouble on your own machine; see docs/faults.md."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import islice
from pathlib import Path

from infra.local import operate
from infra.local.child import ChildError
from infra.local.faults import notifications, points
from infra.local.faults.control import Way, host
from infra.local.faults.link import Mode
from infra.local.faults.mischief import BadFaults, BucketFaults
from infra.local.faults.notifications import Thing
from infra.local.faults.rehearsal import Rehearsal, RehearsalOptions
from infra.local.faults.remote import Refused, Remote
from infra.local.faults.trouble import Trouble, write
from infra.local.screen import Screen
from service.version import SAID


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        with suppress(KeyboardInterrupt):
            given.run(given)
    except (BadFaults, ChildError, OSError, Refused, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def up(given: argparse.Namespace) -> None:
    """Start the stack with every fault within reach, and stay."""
    screen = Screen()
    screen.act("Starting")
    with Rehearsal(RehearsalOptions(folder=given.folder), progress=screen.progress) as rehearsal:
        screen.act("Operate it: type this into another terminal, once")
        for line in operate.lines(rehearsal.stack):
            screen.command(line)
        screen.act("Disturb it (docs/faults.md)")
        control = f"{rehearsal.remote.host}:{rehearsal.remote.port}"
        screen.command(f".venv/bin/python -m infra.local.faults bucket {control} --error 0.3 --reset 0.2")
        screen.command(f".venv/bin/python -m infra.local.faults link {control} node-1 'black hole'")
        folder = rehearsal.nodes[0].folder
        screen.command(f".venv/bin/python -m infra.local.faults suffer {folder}/puller.trouble --free-bytes 100000")
        screen.command(f".venv/bin/python -m infra.local.faults calm {control}")
        asyncio.run(_forever())


def serve(given: argparse.Namespace) -> None:
    """Host the proxies."""
    asyncio.run(host(given.bucket, tuple(given.link), control_port=given.control, seed=given.seed))


def bucket(given: argparse.Namespace) -> None:
    """Have the bucket misbehave."""
    _remote(given).bucket(BucketFaults(**{field.name: getattr(given, field.name) for field in fields(BucketFaults)}))


def suffer(given: argparse.Namespace) -> None:
    """Have a service suffer."""
    write(given.file, Trouble(**{field.name: getattr(given, field.name) for field in fields(Trouble)}))


def notify(given: argparse.Namespace) -> None:
    """Publish bad notifications."""
    things = [Thing(given.bucket, name) for name in given.object or ["m/1/saved_model.pb"]]
    if given.kind == "rubbish":
        drafts = notifications.rubbish(given.count, seed=given.seed)
    elif given.kind == "replay":
        drafts = notifications.replay(things * given.count)
    else:
        drafts = islice(notifications.flood(things, seed=given.seed), given.count)
    sent = asyncio.run(notifications.publish_at(given.address, given.topic, drafts, per_second=given.per_second))
    sys.stdout.write(f"published {sent} messages\n")


def steps(_given: argparse.Namespace) -> None:
    """List the steps at which a service can be killed."""
    for service, names in (("puller", points.PULLER), ("configurator", points.CONFIGURATOR)):
        sys.stdout.write(f"{service}: {', '.join(sorted(names))}\n")


def _remote(given: argparse.Namespace) -> Remote:
    name, _, port = given.address.rpartition(":")
    return Remote(name, int(port))


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.faults", description=__doc__)
    parser.add_argument("--version", action="version", version=SAID)
    commands = parser.add_subparsers(required=True, metavar="command")
    started = commands.add_parser("up", help="the stack with every fault within reach, until Ctrl-C")
    started.add_argument("--folder", type=Path, help="keep objects, models and logs here")
    started.set_defaults(run=up)
    hosted = commands.add_parser("serve", help="only the proxies, in front of servers of your own")
    hosted.add_argument("--control", type=int, required=True, help="port that they are controlled by")
    hosted.add_argument("--bucket", type=_way, help="PORT=HOST:PORT of the GCS server")
    hosted.add_argument("--link", type=_way, action="append", default=[], help="NAME:PORT=HOST:PORT; may be repeated")
    hosted.add_argument("--seed", type=int, default=0)
    hosted.set_defaults(run=serve)
    _add_remote(commands)
    _add_others(commands)
    return parser


def _add_remote(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    spoilt = commands.add_parser("bucket", help="have the bucket misbehave; what is left out is off")
    spoilt.set_defaults(run=bucket)
    turned = commands.add_parser("link", help="turn a link")
    turned.set_defaults(run=lambda given: _remote(given).link(given.name, Mode(given.mode)))
    shown = commands.add_parser("state", help="show faults, tally and links")
    shown.set_defaults(run=lambda given: sys.stdout.write(_remote(given).state() + "\n"))
    calmed = commands.add_parser("calm", help="end the faults of all proxies")
    calmed.set_defaults(run=lambda given: _remote(given).calm())
    for command in (spoilt, turned, shown, calmed):
        command.add_argument("address", help="host:port of the control port")
    turned.add_argument("name")
    turned.add_argument("mode", choices=[mode.value for mode in Mode])
    for field in fields(BucketFaults):
        spoilt.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)


def _add_others(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    suffering = commands.add_parser(
        "suffer", help="have a service's disk, steps or clock fail; without options, end it"
    )
    suffering.add_argument("file", type=Path, help="its trouble file")
    kinds = {"free_bytes": int}
    for field in fields(Trouble):
        option = f"--{field.name.replace('_', '-')}"
        if field.default is False:
            suffering.add_argument(option, action="store_true")
        else:
            kind = kinds.get(field.name, type(field.default))
            suffering.add_argument(option, type=kind, default=field.default)
    suffering.set_defaults(run=suffer)
    noisy = commands.add_parser("notify", help="publish bad notifications")
    noisy.add_argument("kind", choices=["replay", "rubbish", "flood"])
    noisy.add_argument("address", help="host:port of Pub/Sub")
    noisy.add_argument("topic", help="projects/PROJECT/topics/TOPIC")
    noisy.add_argument("--bucket", default="models")
    noisy.add_argument("--object", action="append", help="a name of an object; may be repeated")
    noisy.add_argument("--count", type=int, default=100)
    noisy.add_argument("--per-second", type=int, default=0, help="0: as fast as the server takes them")
    noisy.add_argument("--seed", type=int, default=0)
    noisy.set_defaults(run=notify)
    commands.add_parser("steps", help="the steps at which a service can be killed").set_defaults(run=steps)


def _way(text: str) -> Way:
    own, _, behind = text.partition("=")
    name, _, port = own.rpartition(":")
    behind_host, _, behind_port = behind.rpartition(":")
    return Way(name, int(port), behind_host, int(behind_port))


if __name__ == "__main__":
    sys.exit(main())
