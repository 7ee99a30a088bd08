"""Lists in parts. A cursor says behind which name the next part begins; clients hand it back as they got it."""

import base64
import binascii
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from master.fleet.views import Page

T = TypeVar("T")
MAX_LIMIT = 500  # rows of a page: some milliseconds of work, in which no other request is answered
MAX_SEARCH = 128
Sequence = Annotated[int, Field(ge=0, lt=2**63)]  # a place in the history


def seal(name: str) -> str:
    """Write a cursor."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def unseal(cursor: str) -> str:
    """Read a cursor."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise ValueError("this is no cursor of ours; start again without one") from error


def sealed(page: Page[T]) -> Page[T]:
    """Hide the name in a page's cursor."""
    return page.model_copy(update={"next": seal(page.next)}) if page.next else page


class Query(BaseModel):
    """What all queries share: a parameter that is not known is an error and not a guess."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Query):
    """Which part of a list."""

    cursor: Annotated[str, AfterValidator(unseal)] | None = Field(
        default=None, max_length=400, description="`next` of the part before; nothing: from the beginning"
    )
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="rows at most")


Search = Annotated[str, Field(max_length=MAX_SEARCH, description="only names that hold this text")]
