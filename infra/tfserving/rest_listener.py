"""Opens the HTTP port: the REST API, and the Prometheus page beside it if the monitoring config asks for one."""

import logging
import socket
from threading import Thread

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.tfserving.config import ConfigError
from infra.tfserving.core import ServerCore
from infra.tfserving.flags import Flags
from infra.tfserving.metrics import Metrics
from infra.tfserving.rest.app import create_app
from infra.tfserving.servable import Code
from infra.tfserving.side_configs import prometheus_path

log = logging.getLogger("tfserving.server")

_BACKLOG = 128
_MILLIS = 1000


def open_rest(core: ServerCore, flags: Flags) -> None:
    """Serve HTTP in a thread that ends with the process, or raise `ConfigError`."""
    timeout_seconds = flags.rest_api_timeout_in_ms / _MILLIS
    app: ASGIApp = create_app(core, timeout_seconds=timeout_seconds, cors=flags.rest_api_enable_cors_support)
    if path := prometheus_path(flags.monitoring_config_file):
        app = PrometheusPage(app, core.metrics, path=path)
    address = (flags.bind_address, max(flags.rest_api_port, 0))
    try:
        listener = socket.create_server(address, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(Code.INVALID_ARGUMENT, f"Failed to start HTTP Server at {address}: {error}") from error
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", access_log=False))
    Thread(target=server.run, args=([listener],), name="rest", daemon=True).start()
    log.info("Exporting HTTP/REST API at:localhost:%s ...", listener.getsockname()[1])


class PrometheusPage:
    """Answers one path with the counters, and leaves all others to the REST API."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] == self._path:
            await PlainTextResponse(self._metrics.page())(scope, receive, send)
        else:
            await self._app(scope, receive, send)
