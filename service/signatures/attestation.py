"""What a node signs of what it serves: an in-toto statement, whose fields the history keeps, and which is proof alone.

The event `model.attested` has the fields and the signature. The statement is written out of the fields again, byte for
byte, so a reader needs nothing but the event and the node's public key. Pure but for the keys.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from events import wording
from events.attested import Attested
from events.bounds import MIB, Bounds
from events.messages import ModelAttested
from service.errors import Invalid
from service.signatures import bundle, strict_json
from service.signatures.bundle import BadBundle, Bundle
from service.signatures.keys import PrivateKey, PublicKey
from service.signatures.statement import STATEMENT_TYPE

PREDICATE_TYPE: Final = "urn:model-manager:serving:v1"
BOUNDS: Final = Bounds(MIB, max_values=5_000)


class Unproven(Invalid):
    """A statement that is none of this format, or that none of the keys has signed."""


class _Statement(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    predicate_type: Literal["urn:model-manager:serving:v1"]
    predicate: Attested


def sign(attested: Attested, key: PrivateKey) -> ModelAttested:
    """Make the event that says so."""
    signature = key.sign(Bundle(payload(attested), b"").signed)
    fields = {name: getattr(attested, name) for name in Attested.model_fields}
    return ModelAttested(**fields, key=key.public.fingerprint, signature=base64.b64encode(signature).decode("ascii"))


def payload(attested: Attested) -> bytes:
    """Write the statement; the same fields give the same bytes."""
    fields = {name: getattr(attested, name) for name in Attested.model_fields}  # without those of the event
    versions = [version.model_dump(mode="json") for version in attested.served]
    predicate = {**fields, "since": _moment(attested.since), "at": _moment(attested.at), "served": versions}
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f"{attested.model}/{one.version}", "digest": {"sha256": one.digest}}
            for one in attested.served
            if one.digest
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def bundle_of(event: ModelAttested) -> bytes:
    """Write the statement with its signature, as any tool for such bundles reads it; raises `Unproven`."""
    try:
        signature = base64.b64decode(event.signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unproven("the history has a statement whose signature is not base64") from error
    return bundle.render(Bundle(payload(event), signature, event.key))


def verify(data: bytes, keys: Mapping[str, PublicKey]) -> tuple[frozenset[str], Attested]:
    """Check a statement by the keys of nodes; return what the key that made it is called, and what it says.

    A key is a hint by its fingerprint and counts by its signature. Raises `Unproven`.
    """
    try:
        signed = bundle.parse(data, BOUNDS)
    except BadBundle as error:
        raise Unproven(str(error)) from error
    names = frozenset(name for name, key in keys.items() if key.verifies(signed.signature, signed.signed))
    if signed.certificates or not names:
        raise Unproven("it is signed by none of the given keys, or was changed after that")
    return names, _read(signed.payload)


def _read(data: bytes) -> Attested:
    try:
        document = strict_json.loads(data, BOUNDS)
        if not isinstance(document, dict) or document.get("_type") != STATEMENT_TYPE:
            raise Unproven("it is signed, and no in-toto statement")
        fields = {"predicate_type": document.get("predicateType"), "predicate": document.get("predicate")}
        return _Statement.model_validate(fields).predicate
    except strict_json.BadJson as error:
        raise Unproven(f"the signed statement cannot be read: {error}") from error
    except ValidationError as error:
        raise Unproven(f"the signed statement is none of what a node serves: {wording.problems(error)}") from error


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
