"""Puts the server together out of its flags.

The first config is applied before any port is opened: a server has no port until its models have settled, does not
start when one fails, and waits for ever when a base path is missing.

What differs from the official server: no batching, no thread or memory tuning and no profiler (those flags are warned
about); local paths only; an address that cannot be had ends the start for REST, too; SIGTERM ends with exit code 0
after a short grace; and a port of zero or below may mean any free port (see `flags`).
"""

import importlib
import logging
import signal
from pathlib import Path
from threading import Event

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from infra.tfserving.config import ConfigError, read_text, single_model
from infra.tfserving.core import CoreOptions, ServerCore
from infra.tfserving.flags import Flags
from infra.tfserving.grpc_listener import open_grpc
from infra.tfserving.manager import ManagerOptions
from infra.tfserving.periodic import Periodic
from infra.tfserving.servable import Code, Loader, LoaderOptions, StatusError

log = logging.getLogger("tfserving.server")

_GRACE_SECONDS = 0.3
_MICROS = 1_000_000
_LOADERS = ("tensorflow", "scripted")


def serve(flags: Flags) -> None:
    """Start, then serve until SIGTERM or SIGINT; raise `StatusError` if the start fails."""
    config = first_config(flags)
    core = ServerCore(open_loader(flags), core_options(flags))
    core.start()
    core.reload(config)
    if flags.model_config_file and flags.model_config_file_poll_wait_seconds > 0:
        seconds = flags.model_config_file_poll_wait_seconds
        Periodic(lambda: apply_file(core, flags.model_config_file), seconds, name="config file poll").start()
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = open_grpc(core, flags)
    if flags.rest_api_port:
        # Imported only where it is asked for: a server without REST stays small.
        importlib.import_module("infra.tfserving.rest_listener").open_rest(core, flags)
    stopped.wait()
    server.stop(_GRACE_SECONDS).wait()
    if flags.grpc_socket_path:
        Path(flags.grpc_socket_path).unlink(missing_ok=True)


def first_config(flags: Flags) -> ModelServerConfig:
    """Return the config to start with, or raise `ConfigError`."""
    if flags.model_config_file:
        return read_text(Path(flags.model_config_file), ModelServerConfig())
    if flags.model_base_path:
        return single_model(flags.model_name, flags.model_base_path)
    raise ConfigError(
        Code.INVALID_ARGUMENT, "Both server_options.model_base_path and server_options.model_config_file are empty!"
    )


def open_loader(flags: Flags) -> Loader:
    """Import and open the loader that the flags name; the other one is never imported."""
    if flags.loader not in _LOADERS:
        raise ConfigError(
            Code.INVALID_ARGUMENT, f"--loader={flags.loader} is unknown; there are {' and '.join(_LOADERS)}"
        )
    options = LoaderOptions(
        saved_model_tags=tuple(flags.saved_model_tags.split(",")),
        enable_model_warmup=flags.enable_model_warmup,
        warmup_iterations=max(flags.num_request_iterations_for_warmup, 1),
    )
    loader: Loader = importlib.import_module(f"infra.tfserving.{flags.loader}_loader").open_loader(options)
    return loader


def core_options(flags: Flags) -> CoreOptions:
    """Translate the flags of the core."""
    return CoreOptions(
        file_system_poll_seconds=flags.file_system_poll_wait_seconds,
        allow_labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
        manager=ManagerOptions(
            num_load_threads=flags.num_load_threads,
            num_unload_threads=flags.num_unload_threads,
            max_num_load_retries=flags.max_num_load_retries,
            load_retry_interval_seconds=flags.load_retry_interval_micros / _MICROS,
        ),
    )


def apply_file(core: ServerCore, file: str) -> None:
    """Read the config file and apply it, changed or not; what fails is logged, as the official server does."""
    try:
        core.reload(read_text(Path(file), ModelServerConfig()))
    except StatusError as error:
        log.error("PollFilesystemAndReloadConfig failed to ReloadConfig: %s", error.message)  # noqa: TRY400
