"""The HTTP port of a service: `/livez`, `/readyz`, `/status`, `/metrics`."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from events.status import Report
from service.errors import BadSettings
from service.health import Health


def create_app(service: str, *, health: Health, report: Callable[[], Report]) -> FastAPI:
    """Build the application; its pages read, they change nothing."""
    app = FastAPI(title=f"model.manager {service}", docs_url=None, redoc_url=None)

    @app.get("/livez", response_class=PlainTextResponse, summary="Whether the loop turns")
    async def livez() -> Response:
        return _verdict(health.is_alive, "alive", f"stuck: a pass does not end; last error: {health.last_pass.error}")

    @app.get("/readyz", response_class=PlainTextResponse, summary="Whether a pass has succeeded")
    async def readyz() -> Response:
        reason = health.last_pass.error or "the first pass has not ended"
        return _verdict(health.is_ready, "ready", f"not ready: {reason}")

    @app.get("/status", summary="The whole truth about this service")
    async def status() -> Response:
        return Response(report().model_dump_json(), media_type="application/json")

    @app.get("/metrics", response_class=PlainTextResponse, summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


def listen(host: str, port: int) -> socket.socket:
    """Take the port, or raise `BadSettings` with the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise BadSettings(f"cannot listen on {host}:{port} (MM_HTTP_HOST, MM_HTTP_PORT): {error.strerror}") from error


async def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer requests until cancelled, then finish those under way within a second."""
    config = uvicorn.Config(
        app,
        http="h11",
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


def _verdict(holds: bool, yes: str, no: str) -> Response:  # noqa: FBT001 - the two sentences name it
    return PlainTextResponse(yes if holds else no, status_code=200 if holds else 503)
