"""Opens the gRPC port and the Unix socket."""

import logging
from concurrent.futures import ThreadPoolExecutor

import grpc
from tensorflow_serving.apis.prediction_service_pb2_grpc import add_PredictionServiceServicer_to_server

from infra.tfserving.config import ConfigError
from infra.tfserving.core import ServerCore
from infra.tfserving.flags import Flags
from infra.tfserving.health import add_health
from infra.tfserving.model_service import ModelService, add_model_service
from infra.tfserving.prediction_service import PredictionService
from infra.tfserving.servable import Code
from infra.tfserving.side_configs import ssl_config

log = logging.getLogger("tfserving.server")

_UNLIMITED = -1


def open_grpc(core: ServerCore, flags: Flags) -> grpc.Server:
    """Serve gRPC, or raise `ConfigError` if an address cannot be had."""
    server = grpc.server(
        ThreadPoolExecutor(flags.grpc_max_threads, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", _UNLIMITED),
            ("grpc.max_send_message_length", _UNLIMITED),
            ("grpc.so_reuseport", 0),
        ],
    )
    add_model_service(ModelService(core), server)
    add_PredictionServiceServicer_to_server(PredictionService(core), server)
    if flags.enable_grpc_healthcheck_service:
        add_health(server)
    credentials = _credentials(flags)
    addresses = []
    if flags.port or not flags.grpc_socket_path:
        port = _listen(server, f"{flags.bind_address}:{max(flags.port, 0)}", credentials)
        addresses.append(f"{flags.bind_address}:{port}")
    if flags.grpc_socket_path:
        _listen(server, f"unix:{flags.grpc_socket_path}", credentials)
        addresses.append(f"UNIX socket {flags.grpc_socket_path}")
    server.start()
    for address in addresses:
        log.info("Running gRPC ModelServer at %s ...", address)
    return server


def _listen(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        port: int = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        raise ConfigError(
            Code.INVALID_ARGUMENT, f"Failed to BuildAndStart gRPC server: cannot listen at {address} ({error})"
        ) from error
    return port


def _credentials(flags: Flags) -> grpc.ServerCredentials | None:
    if flags.use_alts_credentials:
        raise ConfigError(Code.UNIMPLEMENTED, "--use_alts_credentials works on Google Cloud only, not in this server")
    if (config := ssl_config(flags.ssl_config_file)) is None:
        return None
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
