"""What the puller needs to know beside what every service does; `--help` prints the descriptions."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, NonNegativeInt, SecretStr, model_validator

from events import resources, subscription
from events.bounds import MAX_FILES
from events.names import MAX_DEPTH, parse_prefix
from events.status import Source
from puller.bucket.limits import GIB, Limits
from service.google_access import check_ca_file, check_proxy
from service.settings import NodeSettings, Port, Seconds
from service.signatures.policy import BadPolicy, Mode, load

MIB: Final = 1024 * 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)


def _check_bucket(name: str) -> str:
    if not _BUCKET.fullmatch(name):
        raise ValueError(f"{name[:80]!a} is not a bucket name (the name alone, without gs://)")
    return name


def _check_policy(folder: Path) -> Path:
    try:
        load(folder)
    except BadPolicy as error:
        raise ValueError(str(error)) from error
    return folder


def _check_proxy(address: SecretStr) -> SecretStr:
    check_proxy(address.get_secret_value())
    return address


Size = Annotated[float, Field(gt=0)]
BOUNDS: Final = Limits()
TopicName = Annotated[str, AfterValidator(partial(resources.parse_name, "topics"))]
SubscriptionName = Annotated[str, AfterValidator(partial(resources.parse_name, "subscriptions"))]


class PullerSettings(NodeSettings):
    """The puller's settings. A field's variable is `MM_` and its name in capitals."""

    bucket: Annotated[str, AfterValidator(_check_bucket)] = Field(description="bucket that models are uploaded to")
    prefix: Annotated[str, AfterValidator(parse_prefix)] = Field("", description="folder of the bucket that holds them")
    project: Annotated[str, AfterValidator(resources.parse_project)] = Field(
        "", description="Google Cloud project of topic and subscription: its id, its number, or example.com:id"
    )
    topic: TopicName = Field(
        "",
        description="Pub/Sub topic of the bucket's notifications, projects/PROJECT/topics/NAME where it is in another "
        "project than the subscription; empty: poll only",
    )
    subscription: SubscriptionName = Field(
        "", description="this node's subscription, its name or projects/PROJECT/subscriptions/NAME (default: "
        "<topic>-<node>)"
    )  # fmt: skip
    billing_project: Annotated[str, AfterValidator(resources.parse_project)] = Field(
        "", description="project that pays for reading a bucket with requester-pays (default: the bucket's own pays)"
    )
    proxy: Annotated[SecretStr, AfterValidator(_check_proxy)] = Field(
        SecretStr(""),
        description="HTTP proxy on the way to Google, http://host:port, "
        "with user:password@ before the host where it asks for them",
    )
    ca_file: Annotated[Path, AfterValidator(check_ca_file)] | None = Field(
        None, description="CA certificates to check Google's servers by, in place of the public ones"
    )
    poll_seconds: Seconds = Field(300.0, description="seconds between looks at the whole bucket, ten times as often "
                                  "while Pub/Sub is away")  # fmt: skip
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        5.0, description="a version without manifest is taken when no object changed for so many seconds"
    )
    require_assets: bool = Field(default=True, description="off: take versions that lack an asset their graph names")
    reserve_mib: NonNegativeInt = Field(1024, description="MiB of the disk that downloads leave free")
    bandwidth_mib: Annotated[float, Field(ge=0)] = Field(0.0, description="MiB per second at most; 0: no limit")
    parallel_versions: Annotated[int, Field(ge=1, le=64)] = Field(4, description="versions fetched at the same time")
    subscription_days: Annotated[int, Field(ge=1, le=365)] = Field(
        31, description="Pub/Sub drops the subscription of a node that was away for so many days"
    )
    signatures: Mode = Field(
        "off",
        description="require: a version is fetched only with a signature that this node believes; warn: it is said "
        "where there is none; off: nobody asks",
    )
    signature_policy: Annotated[Path, AfterValidator(_check_policy)] | None = Field(
        None, description="folder that says whom this node believes: keys, authorities, rules (docs/signatures.md)"
    )
    max_files: Annotated[int, Field(ge=1, le=MAX_FILES)] = Field(
        MAX_FILES, description="a version of more objects is refused"
    )
    max_depth: Annotated[int, Field(ge=1, le=MAX_DEPTH)] = Field(
        MAX_DEPTH, description="a version with a file deeper than so many folders is refused"
    )
    max_object_gib: Size = Field(BOUNDS.object_bytes / GIB, description="a version with a larger object is refused")
    max_version_gib: Size = Field(BOUNDS.version_bytes / GIB, description="a larger version is refused")
    max_model_gib: Size = Field(
        BOUNDS.model_bytes / GIB, description="so much of the disk all versions of one model may take"
    )
    http_port: Port = Field(8001, description="port of /livez, /readyz, /status and /metrics")
    exchange: Literal["on", "off"] = Field("on", description="on or off: whether nodes of a site fetch from each other")
    site: str = Field(
        "",
        pattern=r"^(|[a-z0-9][a-z0-9-]{0,62})$",
        description="nodes that say the same fetch from each other (default: all of the cluster)",
    )
    exchange_port: Port | None = Field(
        None, description="port for the neighbours of the site (default: 8003; on loopback any free one)"
    )
    exchange_token_file: Path | None = Field(
        None, description="file with the site's secret; without it there is no exchange but on loopback"
    )
    exchange_mib: Annotated[float, Field(ge=0)] = Field(
        0.0, description="MiB per second that neighbours get at most; 0: no limit"
    )

    @model_validator(mode="after")
    def _topic_has_project(self) -> Self:
        if self.topic and not (self.project or resources.project_of(self.topic)):
            raise ValueError("MM_TOPIC needs MM_PROJECT, or the form projects/PROJECT/topics/NAME")
        return self

    @model_validator(mode="after")
    def _signatures_have_policy(self) -> Self:
        if self.signatures != "off" and self.signature_policy is None:
            raise ValueError("MM_SIGNATURES needs MM_SIGNATURE_POLICY, the folder that says whom this node believes")
        return self

    @property
    def source(self) -> Source:
        """Where this puller looks, for its report."""
        return Source(bucket=self.bucket, prefix=self.prefix, topic=self.topic_path, poll_seconds=self.poll_seconds)

    @property
    def topic_path(self) -> str:
        """The topic as Pub/Sub names it; empty where none is configured."""
        return resources.path("topics", self.topic, project=self.project) if self.topic else ""

    @property
    def subscription_path(self) -> str:
        """The node's subscription: as given, or made of topic and node within Pub/Sub's rules."""
        name = self.subscription or subscription.name(self.topic, self.node)
        project = self.project or resources.project_of(self.topic)
        return resources.path("subscriptions", name, project=project)

    @property
    def reserve_bytes(self) -> int:
        """What of the disk stays free."""
        return self.reserve_mib * MIB

    @property
    def limits(self) -> Limits:
        """The bounds of a version."""
        return Limits(
            files=self.max_files,
            depth=self.max_depth,
            object_bytes=round(self.max_object_gib * GIB),
            version_bytes=round(self.max_version_gib * GIB),
            model_bytes=round(self.max_model_gib * GIB),
        )

    @property
    def bytes_per_second(self) -> int | None:
        """The bandwidth limit; None where there is none."""
        return round(self.bandwidth_mib * MIB) or None

    @property
    def exchange_bytes_per_second(self) -> int | None:
        """The limit on what neighbours get; None where there is none."""
        return round(self.exchange_mib * MIB) or None
