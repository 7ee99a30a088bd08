"""The two config files whose message types the tensorflow-serving-api package leaves out: monitoring and SSL.

Both are described here by hand, wire names as in TensorFlow Serving, so that the same text files are read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.message import Message

from infra.tfserving.config import read_text

_PACKAGE = "tensorflow.serving"
_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True, slots=True)
class SslConfig:
    """PEM texts for secure gRPC; empty means absent."""

    server_key: str
    server_cert: str
    custom_ca: str
    client_verify: bool


class _Prometheus(Protocol):
    enable: bool
    path: str


class _Monitoring(Protocol):
    prometheus_config: _Prometheus


def prometheus_path(file: str) -> str | None:
    """Return the path of the Prometheus page, or None if it is not switched on."""
    if not file:
        return None
    config = cast("_Monitoring", read_text(Path(file), _message("MonitoringConfig"))).prometheus_config
    return (config.path or _PROMETHEUS_PATH) if config.enable else None


def ssl_config(file: str) -> SslConfig | None:
    """Return the SSL config, or None if no file is named."""
    if not file:
        return None
    config = cast("SslConfig", read_text(Path(file), _message("SSLConfig")))
    return SslConfig(config.server_key, config.server_cert, config.custom_ca, config.client_verify)


def _message(name: str) -> Message:
    text, truth, nested = (
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_BOOL,
        FieldDescriptorProto.TYPE_MESSAGE,
    )
    file = descriptor_pb2.FileDescriptorProto(name="side_configs.proto", package=_PACKAGE, syntax="proto3")
    _add(file, "PrometheusConfig", enable=truth, path=text)
    _add(file, "MonitoringConfig", prometheus_config=nested)
    file.message_type[1].field[0].type_name = f".{_PACKAGE}.PrometheusConfig"
    _add(file, "SSLConfig", server_key=text, server_cert=text, custom_ca=text, client_verify=truth)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message: Message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))()
    return message


def _add(file: descriptor_pb2.FileDescriptorProto, name: str, **types: "FieldDescriptorProto.Type.ValueType") -> None:
    message = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(types.items(), start=1):
        message.field.add(name=field, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL)
