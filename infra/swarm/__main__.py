"""`python3 -m infra.swarm deploy|status|certificate`, where the swarm's manager is reached (docs/swarm.md)."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.docker.offline.shell import Failed
from infra.swarm import certificates, engine
from infra.swarm.converge import Stage
from infra.swarm.deploy import Order, deploy, look
from infra.swarm.render import LABELS
from service.version import SAID


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except Failed as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _deploy(given: argparse.Namespace) -> int:
    order = Order(given.stack, given.folder.resolve(), tuple(given.also), given.resolve_image, given.timeout)
    deploy(order, environment=os.environ, say=_say)
    _say("all services run as ordered")
    return 0


def _status(given: argparse.Namespace) -> int:
    """Show nodes and services; 0 where everything runs as ordered."""
    for node in engine.nodes():
        labels = ", ".join(label for label in LABELS if node.has(label)) or "no label of ours"
        _say(f"{node.hostname}: {node.state}, {node.availability}, {node.role}; {labels}")
    progress = look(given.stack)
    for one in progress:
        _say(f"{one} ({one.stage})")
    return 0 if all(one.stage is Stage.DONE for one in progress) else 1


def _certificate(given: argparse.Namespace) -> int:
    servers = [node for node in engine.nodes() if node.has("mm.nats")]
    if not servers:
        raise Failed("no node has the label mm.nats yet; the certificate has to name those that will run NATS")
    names = certificates.make(given.folder / "tls", servers)
    _say(f"{given.folder / 'tls/server.crt'}: for {', '.join(names)}")
    _say(f"{given.folder / 'tls/ca.key'}: signs the next one; keep it off the swarm")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra.swarm", description=__doc__)
    parser.add_argument("--version", action="version", version=SAID)
    commands = parser.add_subparsers(required=True, metavar="command")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--stack", default="mm", help="the stack's name (default: mm)")
    shared.add_argument(
        "--folder", type=Path, default=Path("swarm"), help="folder of the site's files (default: ./swarm)"
    )
    command = commands.add_parser("deploy", parents=[shared], help="bring the swarm to what the files say, and wait")
    command.add_argument("--also", action="append", default=[], type=Path, metavar="FILE", help="another stack file")
    command.add_argument(
        "--resolve-image", choices=("always", "changed", "never"), default="always", help="as in `docker stack deploy`"
    )
    command.add_argument("--timeout", type=float, default=900.0, metavar="SECONDS", help="wait for so long at most")
    command.set_defaults(run=_deploy)
    command = commands.add_parser("status", parents=[shared], help="show what runs; 0 where all is as ordered")
    command.set_defaults(run=_status)
    command = commands.add_parser("certificate", parents=[shared], help="make a certificate for the NATS servers")
    command.set_defaults(run=_certificate)
    return parser


if __name__ == "__main__":
    sys.exit(main())
