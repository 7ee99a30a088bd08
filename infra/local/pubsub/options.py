"""The command-line options for faults, the same for the server and for the remote control."""

from argparse import ArgumentParser, Namespace
from dataclasses import fields

from infra.local.pubsub.errors import InvalidArgument
from infra.local.pubsub.faults import Faults

_HELP = {
    "duplicate": "chance that a message arrives twice, the second time under a new message id",
    "reorder": "chance that a message is held back so that later ones overtake it",
    "delay": "chance that a message is held back for long",
    "drop": "chance that a message never arrives",
    "reorder_seconds": "a reordered message is held back for up to so many seconds",
    "delay_seconds": "a delayed message is held back for up to so many seconds",
    "seed": "the same seed and the same calls bring the same faults",
    "subscription": "full name of the one subscription that suffers; empty for all",
}


def add_fault_options(parser: ArgumentParser) -> None:
    """Add one option for each field of `Faults`."""
    group = parser.add_argument_group("faults", "each subscription suffers apart; a chance is between 0 and 1")
    for field in fields(Faults):
        option = f"--{field.name.replace('_', '-')}"
        group.add_argument(
            option, type=type(field.default), default=field.default, help=f"{_HELP[field.name]} (%(default)r)"
        )


def read_fault_options(parser: ArgumentParser, options: Namespace) -> Faults:
    """Give the faults that the options ask for; end the program if they make no sense."""
    try:
        return Faults(**{field.name: getattr(options, field.name) for field in fields(Faults)})
    except InvalidArgument as wrong:
        parser.error(str(wrong))
