"""What this node's disk holds: published versions with their receipts, and the quarantine.

The disk is looked at in every pass. Only receipts are kept in memory, as long as their file is the same: reading a
hundred of them would cost more than everything else in a pass.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from events.names import ModelName, Version
from puller.view import OnDisk
from service.layout import Layout, Quarantine, published, quarantined, read_receipt

Mark = tuple[int, int, int]  # inode, size and time of change of a receipt


@dataclass(frozen=True, slots=True)
class Local:
    """The disk at one moment."""

    published: Mapping[ModelName, Mapping[Version, OnDisk | None]]
    quarantines: Mapping[ModelName, Mapping[Version, Quarantine]]

    @property
    def keys(self) -> frozenset[tuple[ModelName, Version]]:
        """All published versions."""
        return frozenset((model, version) for model, versions in self.published.items() for version in versions)


@dataclass(slots=True)
class Observer:
    """Looks at the disk: at all of it, or at what it holds of a few models, which takes a fraction of the time."""

    layout: Layout
    _receipts: dict[ModelName, dict[Version, tuple[Mark, OnDisk | None]]] = field(default_factory=dict)
    _bytes: dict[ModelName, int] = field(default_factory=dict)

    @property
    def bytes_held(self) -> int:
        """What the versions seen last take of the disk, by their receipts."""
        return sum(self._bytes.values())

    def look(self, models: Collection[ModelName] | None = None) -> Local:
        """Observe the disk; raises `Transient`."""
        found = published(self.layout, models)
        on_disk = {model: self._read_all(model, versions) for model, versions in found.items()}
        for model in (self._receipts.keys() if models is None else set(models)) - on_disk.keys():
            self._receipts.pop(model, None)
            self._bytes.pop(model, None)
        quarantines: dict[ModelName, dict[Version, Quarantine]] = defaultdict(dict)
        for (model, version), record in quarantined(self.layout).items():
            quarantines[model][version] = record
        return Local(on_disk, quarantines)

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
