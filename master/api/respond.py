"""Answers: views as JSON, written once by pydantic's own serialiser, and never checked again on their way out."""

from collections.abc import Mapping

from fastapi import Response
from pydantic import BaseModel

from master.reach import Master

STALE = "MM-Stale-Since"


def respond(view: BaseModel, master: Master, *, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    """Answer with a view; while NATS is away, say since when it is the last known."""
    freshness = master.freshness()
    stale = {STALE: freshness.since.isoformat()} if freshness.is_stale else {}
    return Response(
        view.model_dump_json(), status_code=status, headers={**headers, **stale}, media_type="application/json"
    )


def etag(revision: int) -> dict[str, str]:
    """Write a desired document's revision as a header."""
    return {"ETag": f'"{revision}"'}
