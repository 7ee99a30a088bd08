"""`python3 -m infra.docker.offline engine|images|stop`, as root."""

import argparse
import os
import sys
from collections.abc import Sequence

from infra.docker.offline import engine, images
from infra.docker.offline.shell import Failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = _parser().parse_args(arguments)
    if os.geteuid() != 0:
        sys.stderr.write("offline: run it as root: it installs packages and starts an engine\n")
        return 1
    try:
        given.run(given)
    except Failed as error:
        sys.stderr.write(f"offline: {error}\n")
        return 1
    return 0


def _engine(given: argparse.Namespace) -> None:
    engine.start()
    if given.compose_v2:
        engine.install_compose_v2()


def _images(given: argparse.Namespace) -> None:
    engine.start()
    images.build(given.names, is_forced=given.force)


def _list(_: argparse.Namespace) -> None:
    sys.stdout.write("".join(f"{name}: {' '.join(tags)}\n" for name, tags in images.TAGS.items()))


def _stop(_: argparse.Namespace) -> None:
    engine.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m infra.docker.offline", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    start = commands.add_parser("engine", help="install and start a Docker engine where none answers")
    start.add_argument("--compose-v2", action="store_true", help="install `docker compose` besides docker-compose 1.29")
    start.set_defaults(run=_engine)
    build = commands.add_parser("images", help="build the base images that are missing or out of date")
    build.add_argument("names", nargs="*", metavar="name", help=", ".join(images.TAGS))
    build.add_argument("--force", action="store_true", help="build them whatever is there")
    build.set_defaults(run=_images)
    commands.add_parser("list", help="print names and tags").set_defaults(run=_list)
    commands.add_parser("stop", help="stop the engine that was started here").set_defaults(run=_stop)
    return parser


if __name__ == "__main__":
    sys.exit(main())
