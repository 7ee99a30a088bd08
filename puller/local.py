"""What this node's disk holds: published versions with their receipts, and the quarantine.

The disk is looked at in every pass. Only receipts are kept in memory, as long as their file is the same: reading a
hundred of them would cost more than everything else in a pass.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    """Looks at the disk."""

    layout: Layout
    _receipts: dict[Path, tuple[Mark, OnDisk | None]] = field(default_factory=dict)

    def look(self) -> Local:
        """Observe the disk; raises `Transient`."""
        kept: dict[Path, tuple[Mark, OnDisk | None]] = {}
        on_disk = {
            model: {version: self._read(model, version, kept) for version in sorted(versions)}
            for model, versions in published(self.layout).items()
        }
        self._receipts = kept
        quarantines: dict[ModelName, dict[Version, Quarantine]] = defaultdict(dict)
        for (model, version), record in quarantined(self.layout).items():
            quarantines[model][version] = record
        return Local(on_disk, quarantines)

    def _read(self, model: ModelName, version: Version, kept: dict[Path, tuple[Mark, OnDisk | None]]) -> OnDisk | None:
        path = self.layout.receipt(model, version)
        try:
            found = path.stat()
        except OSError:
            return None
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._receipts.get(path)
        if known is None or known[0] != mark:
            receipt = read_receipt(self.layout, model, version)
            known = (mark, OnDisk(receipt, receipt.fingerprint) if receipt else None)
        kept[path] = known
        return known[1]
