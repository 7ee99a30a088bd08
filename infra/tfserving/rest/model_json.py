"""The JSON of a model's status and metadata: messages as protobuf prints them, 64-bit integers as strings."""

import json
from collections.abc import Sequence
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec

from infra.tfserving.metadata import signature_map
from infra.tfserving.rest.json_text import Json
from infra.tfserving.servable import Found, VersionStatus, raw


def status_body(versions: Sequence[VersionStatus]) -> str:
    """Print GetModelStatus."""
    response = GetModelStatusResponse()
    for found in versions:
        line = response.model_version_status.add(version=found.version, state=int(found.state))
        line.status.error_code = int(found.code)
        line.status.error_message = raw(found.message).decode(errors="replace")
    return print_message(response) + "\n"


def metadata_body(found: Found) -> str:
    """Print GetModelMetadata: two messages, put together by hand as TensorFlow Serving does."""
    spec = ModelSpec(name=found.model)
    spec.version.value = found.version
    signatures = print_message(signature_map(found.servable))
    return f'{{\n"model_spec":{print_message(spec)}\n,\n"metadata": {{"signature_def": {signatures}\n}}\n}}\n'


def print_message(message: Message) -> str:
    """Print a message: fields by their numbers, those that are not set included, maps by their keys."""
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    kind = cast("Descriptor", message.DESCRIPTOR)
    return json.dumps(in_order(fields, kind), indent=1, ensure_ascii=False)


def in_order(value: Json, kind: Descriptor | None) -> Json:
    """Sort the fields of a message; what is no message, such as a wrapper's value, stays as it is."""
    if kind is None or not isinstance(value, dict):
        return value
    fields = sorted(kind.fields, key=lambda field: field.number)
    return {field.name: field_in_order(value[field.name], field) for field in fields if field.name in value}


def field_in_order(value: Json, field: FieldDescriptor) -> Json:
    """Sort the messages in a field."""
    kind = field.message_type
    if isinstance(value, list):
        return [in_order(element, kind) for element in value]
    if kind and isinstance(value, dict) and kind.GetOptions().map_entry:
        return {key: in_order(value[key], kind.fields_by_name["value"].message_type) for key in sorted(value)}
    return in_order(value, kind)
