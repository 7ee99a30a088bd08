"""The program: `python -m infra.local.pubsub --help`."""

import argparse
import asyncio
import signal
import sys

from infra.local.pubsub.faults import Faults
from infra.local.pubsub.options import add_fault_options, read_fault_options
from infra.local.pubsub.server import Server
from service.version import SAID


def main() -> int:
    """Serve until a signal comes; give the exit code."""
    parser = _parser()
    options = parser.parse_args()
    return asyncio.run(_serve(options.host, options.port, read_fault_options(parser, options)))


async def _serve(host: str, port: int, faults: Faults) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = Server(faults)
    try:
        bound = await server.start(host, port)
    except RuntimeError as error:
        sys.stderr.write(f"Pub/Sub cannot listen on {host}:{port}: {error}. Choose another --port, or 0.\n")
        return 1
    sys.stdout.write(f"embedded Pub/Sub server listening on {host}:{bound}\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.pubsub",
        description="A small Pub/Sub server in memory, for demos and tests. Clients find it with "
        "PUBSUB_EMULATOR_HOST=HOST:PORT. A restart loses everything. While it runs, "
        "`python -m infra.local.pubsub.remote` changes the faults and puts its clock forward.",
    )
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8085, help="port; 0 takes a free one and prints it (%(default)s)")
    add_fault_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
