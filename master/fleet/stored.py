"""A model's desired document as NATS has it."""

from pydantic import Field

from events.desired import Desired
from master.fleet.views import View


class Stored(View):
    """A model's desired document and its revision; 0 means that none is kept and the default policy holds."""

    document: Desired
    revision: int
    spoiled: str = Field(
        default="", description="why the revision cannot be read, and which one the document is of; mostly empty"
    )
