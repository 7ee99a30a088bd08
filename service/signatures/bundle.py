"""How a signature is written: a Sigstore bundle v0.3 with a DSSE envelope around the statement. Pure.

What a bundle says of its key is a hint alone: the node's own files decide which keys count.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.bounds import MIB, AtMost, Bounds
from service.errors import Invalid
from service.signatures import strict_json

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_CERTIFICATES: Final = 10
MAX_CERTIFICATE_CHARACTERS: Final = 16 * 1024  # base64 of DER; usual ones have two thousand
MAX_HINT_CHARACTERS: Final = 256
# The statement is in it as base64, which is a third longer.
BOUNDS: Final = Bounds(33 * MIB, max_values=1000)

_IGNORE = ConfigDict(extra="ignore", frozen=True)


class BadBundle(Invalid):
    """A `model.sig` that is no bundle of this format."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signed statement. It came with a hint at the key, with a chain of certificates (DER), or with neither."""

    payload: bytes
    signature: bytes
    key_hint: str = ""
    certificates: tuple[bytes, ...] = ()

    @property
    def signed(self) -> bytes:
        """The bytes that were signed: DSSE's encoding of the payload and its type."""
        return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(self.payload)} ".encode() + self.payload


class _PublicKey(BaseModel):
    model_config = _IGNORE
    hint: Annotated[str, Field(max_length=MAX_HINT_CHARACTERS)] | None = None


class _Certificate(BaseModel):
    model_config = _IGNORE
    raw: Annotated[str, Field(max_length=MAX_CERTIFICATE_CHARACTERS)] = Field(alias="rawBytes")


class _Chain(BaseModel):
    model_config = _IGNORE
    certificates: Annotated[list[_Certificate], AtMost(MAX_CERTIFICATES), Field(min_length=1)]


class _Material(BaseModel):
    model_config = _IGNORE
    public_key: _PublicKey | None = Field(None, alias="publicKey")
    chain: _Chain | None = Field(None, alias="x509CertificateChain")
    certificate: _Certificate | None = None


class _Signature(BaseModel):
    model_config = _IGNORE
    sig: Annotated[str, Field(min_length=1, max_length=1024)]


class _Envelope(BaseModel):
    model_config = _IGNORE
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    signatures: Annotated[list[_Signature], AtMost(1), Field(min_length=1)]


class _Bundle(BaseModel):
    model_config = _IGNORE
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"] = Field(alias="mediaType")
    material: _Material = Field(alias="verificationMaterial")
    envelope: _Envelope = Field(alias="dsseEnvelope")


def render(bundle: Bundle) -> bytes:
    """Write a bundle."""
    material: dict[str, object] = {"tlogEntries": []}
    if bundle.certificates:
        chain = [{"rawBytes": _encoded(one)} for one in bundle.certificates]
        material["x509CertificateChain"] = {"certificates": chain}
    else:
        material["publicKey"] = {"hint": bundle.key_hint}
    document = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": _encoded(bundle.payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _encoded(bundle.signature), "keyid": ""}],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


def parse(data: bytes, bounds: Bounds = BOUNDS) -> Bundle:
    """Read a bundle; `BadBundle` says what is wrong with it. Nothing in it is verified yet."""
    try:
        read = _Bundle.model_validate(strict_json.loads(data, bounds))
    except strict_json.BadJson as error:
        raise BadBundle(f"the signature cannot be read: {error}") from error
    except ValidationError as error:
        raise BadBundle(f"the signature is no Sigstore bundle v0.3: {wording.problems(error)}") from error
    material, envelope = read.material, read.envelope
    if material.certificate is not None:
        raise BadBundle("the signature is a keyless one of Sigstore; only keys and certificate chains are taken")
    chain = material.chain.certificates if material.chain else []
    return Bundle(
        payload=_decoded(envelope.payload),
        signature=_decoded(envelope.signatures[0].sig),
        key_hint=(material.public_key.hint or "") if material.public_key else "",
        certificates=tuple(_decoded(one.raw) for one in chain),
    )


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadBundle("the signature has a field that is not base64") from error
