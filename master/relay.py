"""Admin commands to the nodes' services: over NATS to all at once, round it over HTTP to those that do not answer."""

from collections.abc import Sequence

from events.commands import Command
from events.names import NodeName
from master.answers import Gathered

COMMAND_SECONDS = 5.0


class Relay:
    """Sends commands and gathers the answers."""

    async def ask(
        self,
        service: str,
        request: Command,
        *,
        nodes: Sequence[NodeName] | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> Gathered:
        """Send a command to the named nodes or to all, and wait for all answers, no longer than so many seconds.

        The deadline, and an id where the request has none, are put in here. Nodes that say nothing over NATS are asked
        on their HTTP ports; `unanswered` names those that said nothing at all. `NotFound` for a node nobody knows.
        """
        raise NotImplementedError
