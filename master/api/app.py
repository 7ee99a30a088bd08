"""The API as one application, and its OpenAPI document."""

from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, JsonSchemaValue, models_json_schema
from starlette.middleware.gzip import GZipMiddleware

from events.desired import Desired
from events.status import Report
from master.api import (
    auth,
    changes,
    commands,
    dashboard,
    desired,
    history,
    models,
    nodes,
    overview,
    problems,
    proxies,
    session,
)
from master.api.gate import Gate
from master.api.limits import HistorySlots, Rate, StreamSlots
from master.api.problems import ProblemDocument
from master.api.proxies import Proxies
from master.api.stream import Streams
from master.fleet.views import BoardNews
from master.reach import Master
from master.settings import MasterSettings
from service import http, logs
from service.errors import BadSettings
from service.health import Health

log = logs.get("master.api")

ROUTERS = (
    session.router,
    overview.router,
    nodes.router,
    models.router,
    desired.router,
    changes.router,
    commands.router,
    history.router,
)
WRITTEN_BY_HAND = (
    ProblemDocument,
    Desired,
    BoardNews,
    session.TokenBody,
    changes.ChangeBody,
    commands.NodesBody,
    commands.ModelBody,
)
VERSION = "1.0.0"  # of the API, not of the software
MIN_PACKED_BYTES = 2_000
DESCRIPTION = """What every node of a cluster serves, why, and how to change it.

Every answer but those about the master itself needs a bearer token; a token has one of the roles viewer, operator,
admin. A browser signs in at `/v1/session` and has the token in a cookie then. While NATS is away reads show the last
known, and say so in the header `MM-Stale-Since`. Errors are problem documents (RFC 9457). Lists are cut into parts: ask
again with `cursor` set to `next`.
"""


@dataclass(frozen=True, slots=True)
class Api:
    """The application, and the job that has to run beside it."""

    app: FastAPI
    streams: Streams
    proxies: Proxies


def create(master: Master, *, pages: APIRouter) -> Api:
    """Put the API over a master; `BadSettings` where its tokens are not right."""
    refuse_open(master.settings)
    tokens = auth.load(master.settings.tokens, master.settings.tokens_file)
    if not tokens:
        log.warning("no token configured (MM_TOKENS, MM_TOKENS_FILE); only this host is answered, as admin")
    trusted = proxies.parse(master.settings.trusted_proxies)
    app = _assemble(pages)
    app.state.master = master
    app.state.streams = Streams(StreamSlots())
    app.state.turns = HistorySlots()
    app.state.tokens = tokens
    app.include_router(dashboard.router)
    app.add_middleware(GZipMiddleware, minimum_size=MIN_PACKED_BYTES, compresslevel=4)
    app.add_middleware(Gate, tokens=tokens, rate=Rate(master.settings.requests_per_second), proxies=trusted)
    return Api(app, app.state.streams, trusted)


def refuse_open(settings: MasterSettings) -> None:
    """Raise `BadSettings` where a port would be opened to others than this host, and no token is configured."""
    if settings.without_tokens or auth.is_this_host(settings.http_host):
        return
    if auth.load(settings.tokens, settings.tokens_file):
        return
    raise BadSettings(
        f"MM_HTTP_HOST is {settings.http_host}, and no token is configured: set MM_TOKENS or MM_TOKENS_FILE"
        " (`model-manager token` makes one), or MM_WITHOUT_TOKENS=true to answer this host only"
    )


def document() -> JsonSchemaValue:
    """Return the OpenAPI document."""
    return _assemble(http.pages(Health(), _nothing)).openapi()


def _nothing() -> Report:
    raise NotImplementedError("a document answers no requests")


def _assemble(pages: APIRouter) -> FastAPI:
    app = FastAPI(
        title="model.manager",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_name,
    )
    problems.install(app)
    for router in (*ROUTERS, pages):
        app.include_router(router)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # the framework's own way to change it
    return app


def _name(route: APIRoute) -> str:
    return route.name


def _describe(app: FastAPI) -> JsonSchemaValue:
    """Describe the application once, with the schemas that routes only name."""
    if not app.openapi_schema:
        found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        named: list[tuple[type[BaseModel], JsonSchemaMode]] = [(kind, "validation") for kind in WRITTEN_BY_HAND]
        named += [(kind, "serialization") for kind in http.SCHEMAS]
        _, extra = models_json_schema(named, ref_template=http.SCHEMA)
        found["components"]["schemas"] |= extra["$defs"]
        found["components"]["responses"] = _share_problems(found["paths"])
        app.openapi_schema = found
    return app.openapi_schema


def _share_problems(paths: dict[str, dict[str, JsonSchemaValue]]) -> dict[str, JsonSchemaValue]:
    """Put a reference in the place of each described problem; return what they refer to."""
    shared: dict[str, JsonSchemaValue] = {}
    for operation in (operation for operations in paths.values() for operation in operations.values()):
        for status, response in operation["responses"].items():
            if problem := response.get("content", {}).get(problems.MEDIA_TYPE):
                name = "-or-".join(problem["examples"])
                shared[name] = response
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared
