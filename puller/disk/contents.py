"""What this node's disk holds: published versions with their receipts, and the quarantine.

The disk is looked at in every pass. Only receipts are kept in memory, as long as their file is the same: reading a
hundred of them would cost more than everything else in a pass.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from events.names import ModelName, Version
from service.isolation import Each, each
from service.layout import Layout, Quarantine, Receipt, names, quarantined, read_receipt, versions

# For so long after a version was published, polls look for files that came late where no notification tells of them.
# Later ones are found by a list of the whole bucket, or at a start.
YOUNG_SECONDS = 3600.0

Mark = tuple[int, int, int]  # inode, size and time of change of a receipt


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A published version."""

    receipt: Receipt
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the disk holds of one model."""

    published: Mapping[Version, OnDisk | None] = field(default_factory=dict)
    quarantines: Mapping[Version, Quarantine] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Local:
    """The disk at one moment; of a model that could not be looked at, what was seen last, and the trouble."""

    published: Mapping[ModelName, Mapping[Version, OnDisk | None]]
    quarantines: Mapping[ModelName, Mapping[Version, Quarantine]]
    looked: Each[ModelName, Held]

    @property
    def keys(self) -> frozenset[tuple[ModelName, Version]]:
        """All published versions."""
        return frozenset((model, version) for model, versions in self.published.items() for version in versions)

    def at_rest(self, *, now: datetime) -> frozenset[tuple[ModelName, Version]]:
        """The published versions to which nothing is expected to come any more."""
        young = now - timedelta(seconds=YOUNG_SECONDS)
        return frozenset(
            (model, version)
            for model, versions in self.published.items()
            for version, one in versions.items()
            if one is None or one.receipt.staged < young
        )

    def unread(self, model: ModelName) -> str:
        """Say why a model could not be looked at; empty where it was."""
        trouble = self.looked.troubles.get(model)
        return trouble.reason if trouble else ""


@dataclass(slots=True)
class Observer:
    """Looks at the disk: at all of it, or at what it holds of a few models, which takes a fraction of the time."""

    layout: Layout
    _held: dict[ModelName, Held] = field(default_factory=dict)
    _receipts: dict[ModelName, dict[Version, tuple[Mark, OnDisk | None]]] = field(default_factory=dict)
    _bytes: dict[ModelName, int] = field(default_factory=dict)

    @property
    def bytes_held(self) -> int:
        """What the versions seen last take of the disk, by their receipts."""
        return sum(self._bytes.values())

    def look(self, models: Collection[ModelName] | None = None) -> Local:
        """Observe the disk, each model alone; raises `Transient` where the models directory itself cannot be read."""
        looked = each(names(self.layout) if models is None else set(models), self._look)
        before = {model: self._held.get(model, Held()) for model in looked.troubles}
        held = {model: one for model, one in {**looked.done, **before}.items() if one != Held()}
        for model in ({*self._held, *self._receipts} if models is None else set(models)) - held.keys():
            for known in (self._held, self._receipts, self._bytes):
                known.pop(model, None)
        self._held |= held
        return Local(
            {model: one.published for model, one in held.items() if one.published},
            {model: one.quarantines for model, one in held.items() if one.quarantines},
            looked,
        )

    def _look(self, model: ModelName) -> Held:
        return Held(self._read_all(model, versions(self.layout, model)), quarantined(self.layout, model))

    def _read_all(self, model: ModelName, versions: Collection[Version]) -> dict[Version, OnDisk | None]:
        before = self._receipts.get(model, {})
        after = {version: self._read(model, version, before.get(version)) for version in sorted(versions)}
        receipts = {version: known for version, known in after.items() if known}
        if receipts != before:
            self._receipts[model] = receipts
            self._bytes[model] = _size(on_disk for _, on_disk in receipts.values() if on_disk)
        return {version: known[1] if known else None for version, known in after.items()}

    def _read(
        self, model: ModelName, version: Version, known: tuple[Mark, OnDisk | None] | None
    ) -> tuple[Mark, OnDisk | None] | None:
        try:
            found = self.layout.receipt(model, version).stat()
        except OSError:
            return None
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if known and known[0] == mark:
            return known
        receipt = read_receipt(self.layout, model, version)
        return mark, OnDisk(receipt, receipt.fingerprint) if receipt else None


def _size(versions: Iterable[OnDisk]) -> int:
    """Add up a model's versions; equal files count once, for they are one file with several names."""
    return sum({(record.crc32c, record.size): record.size for one in versions for record in one.receipt.files}.values())
