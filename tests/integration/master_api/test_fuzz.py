"""The API, fuzzed from its own OpenAPI document: whatever is sent, it keeps to what the document says, and never fails.

The requests are always the same ones (no random seed), and as many as fit into some seconds.
"""

import hashlib

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from events.names import NodeName
from master.api.app import create
from service import http
from service.health import Health
from tests.support.master_api import a_master, about

TOKEN = "fuzz"
SETTINGS = {
    "MM_TOKENS": f"fuzz:admin:{hashlib.sha256(TOKEN.encode()).hexdigest()}",
    "MM_REQUESTS_PER_SECOND": "100000",
}
ENDLESS = "/v1/board/news"  # a stream that goes on for as long as its client listens
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def read_schema() -> schemathesis.BaseSchema:
    """Read the document as a client would, from an API over a master in memory."""
    pages = http.pages(Health(), lambda: about(NodeName("master-1"), "master"))
    app = create(a_master(SETTINGS), pages=pages).app
    return schemathesis.openapi.from_asgi("/openapi.json", app).include(path_regex="^/v1/").exclude(path=ENDLESS)


schema = read_schema()


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_nothing_sent_makes_the_api_break_its_word(case: schemathesis.Case) -> None:  # type: ignore[type-arg]
    """No 5xx, and no status, header or field that is not in the document."""
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {TOKEN}"})
