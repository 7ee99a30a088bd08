"""The headers `If-Match` and `Idempotency-Key`, read."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from master.api.problems import Kind, Problem, Wrong

_REVISION = re.compile(r'"(0|[1-9][0-9]{0,18})"', re.ASCII)


Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        pattern=r"^[\x21-\x7e]*$",
        description="makes a repeated request harmless: the same key gives the first answer again, for a day",
    ),
]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a change is tied to."""

    key: str  # Idempotency-Key, empty where there is none
    revision: int | None  # None: whatever the document's is
    is_revision_given: bool


async def _conditions(
    key: Key = "",
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=64,
            description='the ETag the document had when you looked at it, such as `"7"`; `*`: whatever it is now',
        ),
    ] = None,
) -> Conditions:
    return Conditions(key, _revision(if_match), if_match is not None)


async def _required(request: Request, conditions: Annotated[Conditions, Depends(_conditions)]) -> Conditions:
    if not conditions.is_revision_given:
        words = f"send If-Match with the ETag that GET {request.url.path} gave, so that no change is overwritten unseen"
        raise Problem(Kind.NO_PRECONDITION, words)
    return conditions


Conditional = Annotated[Conditions, Depends(_conditions)]
Tied = Annotated[Conditions, Depends(_required)]


def _revision(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _REVISION.fullmatch(if_match.strip())
    if found is None:
        words = 'write one strong ETag as it was given, in quotation marks, such as "7"'
        raise Problem(
            Kind.INVALID, f"header.If-Match: {words}", errors=(Wrong(where="header.If-Match", problem=words),)
        )
    return int(found.group(1))
