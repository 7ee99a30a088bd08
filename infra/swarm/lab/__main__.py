"""`python3 -m infra.swarm.lab up|load|env|cut|mend|kill|start|down`, as root, where a Docker engine runs."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from infra.docker.offline.shell import Failed
from infra.swarm.lab.swarm import Lab
from service.version import SAID

ON_A_NODE: Mapping[str, tuple[str, Callable[[Lab, str], None]]] = {
    "cut": ("cut a node off the others and the bucket", Lab.cut),
    "mend": ("connect a node that was cut off", Lab.mend),
    "kill": ("take a node's power away", Lab.kill),
    "start": ("start a node that was killed", Lab.start),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = _parser().parse_args(arguments)
    try:
        given.run(Lab(given.name), given)
    except Failed as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _up(lab: Lab, given: argparse.Namespace) -> None:
    lab.up(given.nodes)
    nodes = ", ".join(f"{node} at {lab.address(node)}" for node in lab.nodes())
    sys.stdout.write(f"{nodes}; bucket at {lab.environment()['STORAGE_EMULATOR_HOST']}\n")


def _env(lab: Lab, _: argparse.Namespace) -> None:
    """Print what a shell has to know to speak to the lab."""
    for name, value in {"DOCKER_HOST": lab.host, **lab.environment()}.items():
        sys.stdout.write(f"export {name}={value}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra.swarm.lab", description=__doc__)
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("--name", default="mm-lab", help="the lab's name; several can stand (default: mm-lab)")
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("up", help="make the nodes, one swarm of them, and the bucket")
    command.add_argument("nodes", nargs="?", type=int, default=3, help="how many (default: 3)")
    command.set_defaults(run=_up)
    command = commands.add_parser("load", help="copy images of this machine's engine to every node")
    command.add_argument("images", nargs="+", metavar="image")
    command.set_defaults(run=lambda lab, given: lab.load(given.images))
    commands.add_parser("env", help="print what a shell has to know to speak to the lab").set_defaults(run=_env)
    for name, (meaning, act) in ON_A_NODE.items():
        command = commands.add_parser(name, help=meaning)
        command.add_argument("node")
        command.set_defaults(run=lambda lab, given, act=act: act(lab, given.node))
    command = commands.add_parser("down", help="take everything away")
    command.set_defaults(run=lambda lab, _: lab.down())
    return parser


if __name__ == "__main__":
    sys.exit(main())
