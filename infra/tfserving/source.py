"""Turns directories into aspired versions, by polling.

One poll goes through all models under one lock. The first base path that cannot be read ends the poll for everybody:
no model gets news until it is there again (traps D2 and D3 of a deployment controller).
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from infra.tfserving.periodic import Periodic
from infra.tfserving.versions import Candidate, Policy, choose, duplicates

log = logging.getLogger("tfserving.source")


@dataclass(frozen=True, slots=True)
class Monitored:
    """A model whose base path is watched."""

    model: str
    base_path: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class AspiredVersion:
    """A version that should be served, and where it lies."""

    version: int
    path: Path


Aspire = Callable[[str, list[AspiredVersion]], None]


class Source:
    """Watches base paths and tells `aspire`, model by model, which versions should be served.

    `poll_seconds` of zero means one poll ever, a negative number none.
    """

    def __init__(self, monitored: Sequence[Monitored], aspire: Aspire, *, poll_seconds: float) -> None:
        self._lock = Lock()
        self._monitored = list(monitored)
        self._aspire = aspire
        self._poll_seconds = poll_seconds
        self._thread = Periodic(self.poll, poll_seconds or float(2**20), name="file system poll")

    def start(self) -> None:
        """Begin to poll."""
        if self._poll_seconds >= 0:
            self._thread.start()

    def close(self) -> None:
        """Poll no more."""
        self._thread.stop()

    def models(self) -> set[str]:
        """Return the names watched."""
        with self._lock:
            return {one.model for one in self._monitored}

    def update(self, monitored: Sequence[Monitored]) -> None:
        """Watch these from now on; what is no longer among them is un-aspired at once."""
        with self._lock:
            kept = {one.model for one in monitored}
            for gone in sorted({one.model for one in self._monitored} - kept):
                self._aspire(gone, [])
            self._monitored = list(monitored)

    def poll(self) -> None:
        """Look at every base path once, and tell what is aspired unless one of them failed."""
        with self._lock:
            try:
                found = {one.model: look(one) for one in self._monitored}
            except OSError as error:
                log.error("FileSystemStoragePathSource encountered a filesystem access error: %s", error)  # noqa: TRY400
                return
            for model in sorted(found):
                self._aspire(model, found[model])


def look(one: Monitored) -> list[AspiredVersion]:
    """Return the aspired versions of one model, or raise OSError when its base path cannot be read."""
    if not _exists(Path(one.base_path)):
        raise FileNotFoundError(
            f"Could not find base path {one.base_path} for servable {one.model} with error "
            f"NOT_FOUND: {one.base_path} not found"
        )
    candidates = _all_specific(one)
    if candidates is None:
        candidates = _listed(one)
    return [AspiredVersion(candidate.version, Path(one.base_path, candidate.child)) for candidate in candidates]


def _all_specific(one: Monitored) -> list[Candidate] | None:
    """Return the policy's specific versions if all are there under their plain names; no listing is needed then."""
    if one.policy.WhichOneof("policy_choice") != "specific":
        return None
    wanted = list(one.policy.specific.versions)
    if not wanted:
        log.warning("No specific versions requested for servable %s.", one.model)
    if all(_exists(Path(one.base_path, str(version))) for version in wanted):
        return [Candidate(version, str(version)) for version in wanted]
    return None


def _exists(path: Path) -> bool:
    """Ask as TensorFlow does, by access(2): what cannot be asked about is not there."""
    return os.access(path, os.F_OK)


def _listed(one: Monitored) -> list[Candidate]:
    children = os.listdir(one.base_path)  # noqa: PTH208 (names are wanted, as they are)
    for version in duplicates(children):
        log.warning("Duplicate version directories detected. Version %s of %s has several.", version, one.model)
    candidates = choose(one.policy, children)
    missing = set(one.policy.specific.versions) - {candidate.version for candidate in candidates}
    for version in sorted(missing):
        log.warning(
            "Version %s of servable %s, which was requested to be served as a 'specific' version in the servable's "
            "version policy, was not found in the file system",
            version,
            one.model,
        )
    if not candidates:
        log.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your leaf directory as a "
            "number (eg. '/1/')?",
            one.model,
            one.base_path,
        )
    return candidates
