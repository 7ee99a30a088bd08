"""Opens the HTTP port: the REST API, and the Prometheus page beside it if the monitoring config asks for one."""

import logging
import socket
from threading import Thread

import uvicorn

from infra.tfserving.config import ConfigError
from infra.tfserving.core import ServerCore
from infra.tfserving.flags import Flags
from infra.tfserving.rest.app import Page, RestOptions, create_app
from infra.tfserving.servable import Code
from infra.tfserving.side_configs import prometheus_path

log = logging.getLogger("tfserving.server")

_BACKLOG = 128


def open_rest(core: ServerCore, flags: Flags) -> None:
    """Serve HTTP in a thread that ends with the process, or raise `ConfigError`."""
    options = RestOptions(
        timeout_seconds=flags.rest_api_timeout_in_ms / 1000,
        threads=flags.rest_api_num_threads,
        allow_cors=flags.rest_api_enable_cors_support,
    )
    path = prometheus_path(flags.monitoring_config_file)
    app = create_app(core, options, metrics=Page(path, core.metrics.page) if path else None)
    address = (flags.bind_address, max(flags.rest_api_port, 0))
    try:
        listener = socket.create_server(address, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(Code.INVALID_ARGUMENT, f"Failed to start HTTP Server at {address}: {error}") from error
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="warning", access_log=False))
    Thread(target=server.run, args=([listener],), name="rest", daemon=True).start()
    log.info("Exporting HTTP/REST API at:localhost:%s ...", listener.getsockname()[1])
