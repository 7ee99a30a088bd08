"""Desired documents in NATS KV: read, and written only over the revision that was read."""

from events.desired import Desired
from events.names import ModelName
from master.answers import Stored


class DesiredDocuments:
    """The documents; the revision is the ETag of the API."""

    async def read(self, model: ModelName) -> Stored:
        """Read a model's document; the default policy at revision 0 where none is kept. `Transient`: NATS is away."""
        raise NotImplementedError

    async def write(self, model: ModelName, document: Desired, *, revision: int, actor: str, request: str) -> int:
        """Put a document in the place of the one with this revision; return the new revision.

        `Conflict` where somebody was faster, `Transient` where NATS is away (nothing was written then).
        """
        raise NotImplementedError
