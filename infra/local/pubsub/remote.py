"""The other side of `control`, for tests and for the shell: make a running server misbehave.

python -m infra.local.pubsub.remote 127.0.0.1:8085 faults --drop 0.2 --duplicate 0.5
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from infra.local.pubsub.control import SERVICE, read_faults
from infra.local.pubsub.faults import Faults, Tally
from infra.local.pubsub.options import add_fault_options, read_fault_options

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class State:
    """The faults that are set, what they did since, and the server's clock in seconds since 1970."""

    faults: Faults
    tally: Tally
    now: float


class Remote:
    """The remote control of the embedded server at one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    def state(self) -> State:
        """Ask how things are."""
        return self._call("GetState", {})

    def set_faults(self, faults: Faults) -> State:
        """Misbehave like this from now on."""
        return self._call("SetFaults", asdict(faults))

    def advance_clock(self, seconds: float) -> State:
        """Put the server's clock forward."""
        return self._call("AdvanceClock", {"seconds": seconds})

    def _call(self, method: str, values: Mapping[str, float | str]) -> State:
        request = Struct()
        request.update(values)
        with grpc.insecure_channel(self._address) as channel:
            call = channel.unary_unary(f"/{SERVICE}/{method}", Struct.SerializeToString, Struct.FromString)
            state = MessageToDict(call(request, timeout=_TIMEOUT_SECONDS, wait_for_ready=True))
        tally = Tally(**{name: int(count) for name, count in state["tally"].items()})
        return State(read_faults(state["faults"]), tally, state["now"])


def main() -> int:
    """Run the command line; give the exit code."""
    parser = _parser()
    options = parser.parse_args()
    try:
        state = _obey(Remote(options.address), parser, options)
    except grpc.RpcError as error:
        sys.stderr.write(f"{options.address} did not do it: {error.details()}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(state), indent=2) + "\n")
    return 0


def _obey(remote: Remote, parser: argparse.ArgumentParser, options: argparse.Namespace) -> State:
    match options.command:
        case "faults":
            return remote.set_faults(read_fault_options(parser, options))
        case "advance":
            return remote.advance_clock(options.seconds)
        case _:
            return remote.state()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.pubsub.remote", description="Make a running embedded Pub/Sub server misbehave."
    )
    parser.add_argument("address", help="host:port of the server, on this host")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("state", help="show the faults, what they did so far, and the server's clock")
    add_fault_options(commands.add_parser("faults", help="replace the faults; without options, behave"))
    advance = commands.add_parser("advance", help="put the server's clock forward, to let things expire")
    advance.add_argument("seconds", type=float)
    return parser


if __name__ == "__main__":
    sys.exit(main())
