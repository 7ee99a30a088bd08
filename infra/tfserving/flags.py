"""The command line of `tensorflow_model_server`: its names, defaults and forms, and two flags of our own.

`--name=value` and `--name value`; for booleans also `--name` and `--noname`. What this server does not know, or knows
to mean nothing here, is warned about and not refused, so that command lines written for the official one work.
"""

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

_Value = TypeVar("_Value", str, int, bool)


class FlagError(Exception):
    """This command line cannot be taken."""


def _flag(default: _Value, text: str) -> _Value:
    value: _Value = dataclasses.field(default=default, metadata={"help": text})
    return value


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags that do something here, with the official defaults."""

    port: int = _flag(8500, "TCP port of gRPC. Zero: any free port, or none where --grpc_socket_path is given.")
    grpc_socket_path: str = _flag("", "Listen for gRPC on this Unix socket, too.")
    grpc_max_threads: int = _flag(4 * (os.cpu_count() or 1), "Threads for gRPC; a reload that waits holds one.")
    rest_api_port: int = _flag(0, "TCP port of HTTP/REST. Zero: no REST API. Negative: any free port (our extension).")
    rest_api_timeout_in_ms: int = _flag(30000, "Timeout for HTTP/REST API calls.")
    rest_api_enable_cors_support: bool = _flag(False, "Enable CORS headers in response.")  # noqa: FBT003
    model_config_file: str = _flag("", "Serve the models of this ModelServerConfig (text proto).")
    model_config_file_poll_wait_seconds: int = _flag(0, "Apply that file again this often. Zero: only at the start.")
    model_name: str = _flag("default", "Name of the one model (ignored if --model_config_file is set).")
    model_base_path: str = _flag("", "Its base path (ignored if --model_config_file is set, otherwise required).")
    num_load_threads: int = _flag(0, "Threads that load. Zero: loads run one by one in the manager's loop.")
    num_unload_threads: int = _flag(0, "Threads that unload. Zero: likewise.")
    max_num_load_retries: int = _flag(5, "How often a failed load is tried again.")
    load_retry_interval_micros: int = _flag(60_000_000, "Wait between these tries. Negative: none.")
    file_system_poll_wait_seconds: int = _flag(1, "Look for versions this often. Zero: once. Negative: never.")
    allow_version_labels_for_unavailable_models: bool = _flag(False, "Let unused labels run ahead.")  # noqa: FBT003
    saved_model_tags: str = _flag("serve", "Tags of the meta graph to load, separated by commas.")
    enable_model_warmup: bool = _flag(True, "Replay a version's warmup requests while it loads.")  # noqa: FBT003
    num_request_iterations_for_warmup: int = _flag(0, "How often each warmup request is replayed. Zero: once.")
    enable_grpc_healthcheck_service: bool = _flag(False, "Enable the standard gRPC health service.")  # noqa: FBT003
    ssl_config_file: str = _flag("", "Secure gRPC with this SSLConfig (text proto).")
    use_alts_credentials: bool = _flag(False, "Refused: ALTS works on Google Cloud only.")  # noqa: FBT003
    monitoring_config_file: str = _flag("", "MonitoringConfig (text proto): the Prometheus page on the REST port.")
    version: bool = _flag(False, "Display version.")  # noqa: FBT003
    help: bool = _flag(False, "Display this list.")  # noqa: FBT003
    loader: str = _flag("tensorflow", "Ours: 'tensorflow', or 'scripted' for tests (never imports TensorFlow).")
    bind_address: str = _flag("0.0.0.0", "Ours: the address that gRPC and REST listen on.")  # noqa: S104


# Flags of the official server that are taken without effect: speed and memory of a runtime this server has not.
_INERT_BOOLEANS: Final = frozenset(
    {
        "enable_batching",
        "enable_per_model_batching_parameters",
        "enable_profiler",
        "enable_serialization_as_tensor_content",
        "enable_signature_method_name_check",
        "flush_filesystem_caches",
        "prefer_tflite_model",
        "remove_unused_fields_from_bundle_metagraph",
        "skip_initialize_tpu",
        "xla_cpu_compilation_enabled",
        "xla_gpu_compilation_enabled",
    }
)
_INERT_VALUES: Final = frozenset(
    {
        "batching_parameters_file",
        "grpc_channel_arguments",
        "mixed_precision",
        "num_tflite_interpreters_per_pool",
        "num_tflite_pools",
        "per_process_gpu_memory_fraction",
        "platform_config_file",
        "rest_api_num_threads",
        "tensorflow_inter_op_parallelism",
        "tensorflow_intra_op_parallelism",
        "tensorflow_session_config_file",
        "tensorflow_session_parallelism",
        "thread_pool_factory_config_file",
    }
)
_TYPES: Final = {one.name: type(one.default) for one in dataclasses.fields(Flags)}
_BOOLEANS: Final = _INERT_BOOLEANS | {name for name, kind in _TYPES.items() if kind is bool}
_VALUES: Final = _INERT_VALUES | (_TYPES.keys() - _BOOLEANS)
_TRUTH: Final = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}


def parse(arguments: Iterable[str], warn: Callable[[str], None]) -> Flags:
    """Read a command line, or raise `FlagError`; a flag given twice counts as given last."""
    left = deque(arguments)
    given: dict[str, str | int | bool] = {}
    while left:
        argument = left.popleft()
        name, text = _split(argument, left)
        if not name:
            warn(f"unknown argument: {argument}")
        elif name not in _TYPES:
            warn(f"flag has no effect in this server: {argument}")
        else:
            given[name] = _convert(name, text)
    return dataclasses.replace(Flags(), **given)  # type: ignore[arg-type]  # _convert gives each flag its own type


def usage(program: str) -> str:
    """Print the flags as the official server does."""
    lines = [f"usage: {program}", "Flags:"]
    for one in dataclasses.fields(Flags):
        default = str(one.default).lower() if isinstance(one.default, bool) else repr(one.default).replace("'", '"')
        lines.append(f"\t{f'--{one.name}={default}':<50}\t{type(one.default).__name__}\t{one.metadata['help']}")
    inert = " ".join(f"--{name}" for name in sorted(_INERT_BOOLEANS | _INERT_VALUES))
    return "\n".join([*lines, f"Taken without effect: {inert}", ""])


def _split(argument: str, left: deque[str]) -> tuple[str, str]:
    """Return a known flag's name and its value as text, taking that from the next argument if need be."""
    body = argument.removeprefix("--")
    name, equals, text = body.partition("=")
    if body == argument:
        return "", ""
    if equals and name in _BOOLEANS | _VALUES:
        return name, text
    if name in _BOOLEANS:
        return name, left.popleft() if left and left[0] in {"true", "false"} else "true"
    if name.removeprefix("no") in _BOOLEANS and not equals:
        return name.removeprefix("no"), "false"
    if name in _VALUES:
        if not left:
            raise FlagError(f"flag --{name} needs a value")
        return name, left.popleft()
    return "", ""


def _convert(name: str, text: str) -> str | int | bool:
    kind = _TYPES[name]
    if kind is str:
        return text
    if kind is bool and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if kind is int and text.removeprefix("-").isdecimal():
        return int(text)
    raise FlagError(f"Couldn't interpret value {text} for flag {name}.")
