"""The HTTP port of a service: `/livez`, `/readyz`, `/status`, `/metrics`, and the admin commands.

The pages read and change nothing. `POST /commands/<name>` is the way round NATS for when it is away: it needs the
bearer token `MM_COMMAND_TOKEN`, and without one configured only this host itself is answered.
"""

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import Callable, Collection, Iterator

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from pydantic.json_schema import JsonSchemaValue, models_json_schema

import service.metrics  # noqa: F401 - what /metrics shows is registered there
from events.commands import MAX_REQUEST_BYTES
from events.status import Report
from service.commands import FOR_NODE, Commands
from service.connections import ACCEPTED_AT_ONCE, Connections, counted, places
from service.errors import BadSettings
from service.health import Health
from service.hosts import is_own

BODY_SECONDS = 10.0

SCHEMA = "#/components/schemas/{model}"
SCHEMAS = (Report,)  # routes only name them; whoever writes a document adds them
STATUS: dict[int | str, dict[str, object]] = {
    200: {"content": {"application/json": {"schema": {"$ref": SCHEMA.format(model="Report")}}}}
}
NAMED = {"parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]}


def create_app(
    health: Health,
    *,
    report: Callable[[], Report],
    commands: Commands,
    token: SecretStr,
    names: Collection[str] = frozenset(),
) -> FastAPI:
    """Build the application; `names` are this host's own."""
    app = FastAPI(title=f"model.manager {commands.service}", docs_url=None, redoc_url=None)
    app.include_router(pages(health, report, names=names))
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # the framework's own way to change it

    @app.post("/commands/{name}", summary="Follow an admin command (the way round NATS)", openapi_extra=NAMED)
    async def command(request: Request) -> Response:
        if not _is_allowed(request, token):
            return PlainTextResponse("commands need the bearer token MM_COMMAND_TOKEN", status_code=401)
        if (meant := request.headers.get(FOR_NODE, commands.node)) != commands.node:
            words = f"the command is for {meant[:253]}, and this is {commands.node}; nothing was done"
            return PlainTextResponse(words, status_code=421)
        said = request.headers.get("content-length", "")
        if not said.isdecimal() or int(said) > MAX_REQUEST_BYTES:
            return PlainTextResponse(f"send at most {MAX_REQUEST_BYTES} bytes, with Content-Length", status_code=413)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.body()
        except TimeoutError:
            words = f"the body was not complete within {BODY_SECONDS:g} s"
            return PlainTextResponse(words, status_code=408, headers={"Connection": "close"})
        answer = await commands.answer(request.path_params["name"], body)
        status = 400 if answer.error else 200
        return Response(answer.model_dump_json(exclude_none=True), status_code=status, media_type="application/json")

    return app


def pages(health: Health, report: Callable[[], Report], *, names: Collection[str] = frozenset()) -> APIRouter:
    """The pages that every service has.

    No type of a parameter or an answer is told to the framework: it would import Pydantic's first version, 4 MiB, to
    find out that none is of that. What the document says of them stands in `NAMED`, `STATUS` and `SCHEMAS`.
    """
    router = APIRouter(tags=["service"])
    not_so: dict[int | str, dict[str, object]] = {503: {"description": "It is not so; the body says why"}}

    @router.get("/livez", response_class=PlainTextResponse, responses=not_so, summary="Whether the loop turns")
    async def livez() -> Response:
        return _verdict(health.is_alive, "alive", f"stuck: a pass does not end; last error: {health.last_pass.error}")

    @router.get("/readyz", response_class=PlainTextResponse, responses=not_so, summary="Whether it does its work")
    async def readyz() -> Response:
        return _verdict(health.is_ready, "ready", f"not ready: {health.unready}")

    @router.get("/status", summary="The whole truth about this service", responses=STATUS)
    async def status(request: Request) -> Response:
        if not is_own(request.headers.get("host", ""), names):
            return _not_here(request)
        return Response(report().model_dump_json(), media_type="application/json")

    @router.get("/metrics", response_class=PlainTextResponse, summary="Prometheus metrics")
    async def metrics(request: Request) -> Response:
        if not is_own(request.headers.get("host", ""), names):
            return _not_here(request)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def _describe(app: FastAPI) -> JsonSchemaValue:
    """Describe the application once."""
    if not app.openapi_schema:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, extra = models_json_schema([(kind, "serialization") for kind in SCHEMAS], ref_template=SCHEMA)
        app.openapi_schema["components"] = {"schemas": extra["$defs"]}
    return app.openapi_schema


def listen(host: str, port: int) -> socket.socket:
    """Take the port, or raise `BadSettings` with the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=ACCEPTED_AT_ONCE)
    except OSError as error:
        raise BadSettings(f"cannot listen on {host}:{port} (MM_HTTP_HOST, MM_HTTP_PORT): {error.strerror}") from error
    # Connections inherit it. asyncio sets it only on sockets that were made as TCP by number; without it an answer on a
    # connection that is kept waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(
    app: FastAPI, listener: socket.socket, *, is_many: Callable[[str], bool] = lambda _address: False
) -> None:
    """Answer requests until cancelled, then finish those under way within a second.

    `is_many` tells of an address whether many clients come by it, as by a proxy.
    """
    config = uvicorn.Config(
        app,
        http=counted(Connections(places(), is_many=is_many)),
        proxy_headers=False,  # else whoever asks from this host could write down any address as its own
        backlog=ACCEPTED_AT_ONCE,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    """Leaves signals to the process, which stops more than this server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _not_here(request: Request) -> Response:
    words = f"{request.headers['host'][:80]!a} is no name of this host; MM_HTTP_NAMES can say that it is"
    return PlainTextResponse(words, status_code=421)


def _verdict(holds: bool, yes: str, no: str) -> Response:  # noqa: FBT001 - the two sentences name it
    return PlainTextResponse(yes if holds else no, status_code=200 if holds else 503)


def _is_allowed(request: Request, token: SecretStr) -> bool:
    if expected := token.get_secret_value():
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), expected.encode())
    if "origin" in request.headers:  # a browser's page, which has no business here, whoever the browser belongs to
        return False
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
