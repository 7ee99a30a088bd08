"""What simulated services report: real reports, made quickly out of shared pieces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from events.names import ModelName, NodeName, Version
from events.status import (
    ConfiguratorReport,
    Connection,
    Disk,
    Pass,
    Progress,
    PulledVersion,
    PullerReport,
    Report,
    ServedModel,
    ServedStage,
    ServedVersion,
    Stage,
)

GIB = 1024**3
MODELS = '"models":{}'


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a model is on a simulated node."""

    on_disk: tuple[Version, ...]
    serving: tuple[Version, ...]
    since: datetime
    desired: tuple[Version, ...] | None = None  # None: what is served
    labels: tuple[tuple[str, Version], ...] = ()
    downloading: Version | None = None
    progress: float = 0.0  # share of the bytes that is there
    quarantined: Mapping[Version, str] | None = None
    failed: tuple[Version, str] | None = None
    mutated: Mapping[Version, str] | None = None
    signed_by: str = ""  # who signed those on disk, as the node knows them
    provenance: str = ""

    def __hash__(self) -> int:
        """Hash by identity of content; the quarantine is small and rarely there."""
        return hash(
            (self.on_disk, self.serving, self.since, self.desired, self.labels, self.downloading, self.progress)
        )


@dataclass(frozen=True, slots=True)
class Speaker:
    """Which service of which node speaks, and when."""

    node: NodeName
    service: str
    started: datetime
    reported: datetime
    http: str = ""


def report(speaker: Speaker, models: Mapping[ModelName, Simulated]) -> bytes:
    """Write a service's whole report."""
    connected = Connection(is_connected=True, since=speaker.started)
    common = {
        "node": speaker.node,
        "service": speaker.service,
        "software": "0.1.0",
        "started": speaker.started,
        "reported": speaker.reported,
        "is_ready": True,
        "last_pass": Pass(finished=speaker.reported, seconds=0.004),
        "nats": connected,
        "http": speaker.http,
        "disk": Disk(total=100 * GIB, free=60 * GIB, reserve=GIB, models=30 * GIB),
    }
    if speaker.service == "puller":
        head: Report = PullerReport.model_validate({**common, "bucket": connected, "pubsub": connected})
        bodies = ",".join(f'"{name}":{_pulled(model)}' for name, model in models.items())
    else:
        head = ConfiguratorReport.model_validate({**common, "serving": connected})
        bodies = ",".join(f'"{name}":{_served(model)}' for name, model in models.items())
    return head.model_dump_json().replace(MODELS, f'"models":{{{bodies}}}', 1).encode()


@lru_cache(maxsize=10_000)
def _pulled(model: Simulated) -> str:
    lines = [_published(model, version) for version in model.on_disk]
    if model.downloading is not None:
        progress = Progress(
            bytes_done=round(model.progress * GIB), bytes_total=GIB, bytes_per_second=1e8, seconds_left=9.0
        )
        lines.append(
            PulledVersion(version=model.downloading, state=Stage.DOWNLOADING, since=model.since, progress=progress)
        )
    if model.failed is not None:
        version, reason = model.failed
        lines.append(PulledVersion(version=version, state=Stage.FAILED, reason=reason, since=model.since))
    return f"[{','.join(line.model_dump_json() for line in lines)}]"


def _published(model: Simulated, version: Version) -> PulledVersion:
    for state, reasons in ((Stage.QUARANTINED, model.quarantined), (Stage.MUTATED, model.mutated)):
        if reasons and version in reasons:
            return PulledVersion(version=version, state=state, reason=reasons[version], since=model.since)
    return PulledVersion(
        version=version,
        state=Stage.PUBLISHED,
        since=model.since,
        signed_by=model.signed_by,
        provenance=model.provenance,
    )


@lru_cache(maxsize=10_000)
def _served(model: Simulated) -> str:
    desired = model.serving if model.desired is None else model.desired
    missing = sorted(set(desired) - set(model.serving))
    return ServedModel(
        desired=desired,
        serving=model.serving,
        labels=dict(model.labels),
        difference=f"version {missing[-1]} is not on disk yet" if missing else "",
        differs_since=model.since if missing else None,
        versions=[_line(model, version) for version in model.on_disk],
    ).model_dump_json()


def _line(model: Simulated, version: Version) -> ServedVersion:
    if reason := (model.quarantined or {}).get(version):
        return ServedVersion(version=version, state=ServedStage.QUARANTINED, reason=reason, since=model.since)
    if version in model.serving:
        return ServedVersion(version=version, state=ServedStage.SERVING, since=model.since)
    return ServedVersion(version=version, state=ServedStage.ON_DISK, reason="kept for a rollback", since=model.since)
