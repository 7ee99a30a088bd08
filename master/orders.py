"""Changes of desired state, whichever way they are ordered: resolved, foreseen, written once, and put on record."""

from dataclasses import dataclass

from events.changes import Change
from events.desired import Desired
from events.names import ModelName, NodeName
from master.answers import Made


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants changed. `change` is None where a whole `document` is put in place."""

    actor: str
    model: ModelName
    change: Change | Desired
    nodes: tuple[NodeName, ...] = ()  # none: all nodes
    is_dry_run: bool = False
    if_revision: int | None = None
    key: str = ""  # Idempotency-Key: the same key of the same actor gives the first answer again


class Orders:
    """The one way in which desired state changes."""

    async def follow(self, order: Order) -> Made:
        """Make a change, or say what it would do.

        `Refused`: it contradicts itself, names an unknown node, or uses a key again for something else.
        `Conflict`: the document is not at `if_revision`, or others kept changing it. `Transient`: NATS is away.
        """
        raise NotImplementedError
