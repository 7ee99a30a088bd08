"""The JSON of a model's status and metadata: messages as protobuf prints them, 64-bit integers as strings."""

import json
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec

from infra.tfserving.metadata import signature_map
from infra.tfserving.servable import Found, VersionStatus


def status_body(versions: Sequence[VersionStatus]) -> str:
    """Print GetModelStatus."""
    response = GetModelStatusResponse()
    for found in versions:
        line = response.model_version_status.add(version=found.version, state=int(found.state))
        line.status.error_code = int(found.code)
        line.status.error_message = found.message
    return print_message(response) + "\n"


def metadata_body(found: Found) -> str:
    """Print GetModelMetadata: two messages, put together by hand as TensorFlow Serving does."""
    spec = ModelSpec(name=found.model)
    spec.version.value = found.version
    signatures = print_message(signature_map(found.servable), sort=True)
    return (
        f'{{\n"model_spec":{print_message(spec, sort=True)}\n,\n"metadata": {{"signature_def": {signatures}\n}}\n}}\n'
    )


def print_message(message: Message, *, sort: bool = False) -> str:
    """Print a message, fields that are not set included."""
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return json.dumps(fields, indent=1, ensure_ascii=False, sort_keys=sort)
