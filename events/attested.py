"""What a node says and signs of what it serves of one model (`service/signatures/attestation.py`)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from events.bounds import AtMost, Count
from events.names import ModelName, NodeName, Version
from events.wording import in_one_line

MOST_VERSIONS = 100  # of a model, as one statement names them
Words = Annotated[str, AfterValidator(in_one_line)]
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
Occasion = Literal["start", "change", "return", "renewal"]


class AttestedVersion(BaseModel):
    """A version that is served.

    `digest` is that of the signed statement's subject, empty where nobody was believed; `content` sums up names, sizes
    and CRC32C of the files by our receipt, empty where there is none.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    version: Version
    digest: Sha256 = ""
    content: Sha256 = ""
    signed_by: Words = ""
    provenance: Words = ""


class Attested(BaseModel):
    """All versions of a model that a node serves, and since when it has seen that.

    `occasion` says why this is said: the configurator started, what is served changed, TensorFlow Serving was away
    before, or nothing changed for long. After a start or a return nobody has watched for a while.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    node: NodeName
    model: ModelName
    since: AwareDatetime
    at: AwareDatetime
    occasion: Occasion
    served: Annotated[tuple[AttestedVersion, ...], AtMost(MOST_VERSIONS)]
    others: Count = 0  # so many more are served than are named
