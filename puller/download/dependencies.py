"""What transfers need of the process around them."""

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from events.messages import Event
from events.names import FileName, ModelName, Version
from events.status import Progress
from puller.bucket.objects import RemoteFile
from puller.download.transfer import Fetched, Wanted
from puller.download.trust import Belief
from service.layout import Receipt
from service.saved_model import Needs


class Fetcher(Protocol):
    """What stages files."""

    async def fetch(self, wanted: Wanted, *, on_progress: Callable[[Progress], None]) -> Fetched:
        """Stage the files, verified."""
        ...


class Trust(Protocol):
    """What knows whom this node believes."""

    async def assess(self, model: ModelName, version: Version, files: tuple[RemoteFile, ...]) -> Belief:
        """Look at a version's signature before its files are fetched; raises `Untrusted`."""
        ...

    async def compare(self, belief: Belief, stage: Path) -> Belief:
        """Compare what was staged with what was signed; raises `Untrusted`."""
        ...


@dataclass(frozen=True, slots=True)
class DownloadDependencies:
    """What transfers need of the process around them."""

    stage: Callable[[ModelName, Version], Path]
    trust: Trust
    read_needs: Callable[[Path], Awaitable[Needs]]
    check_warmup: Callable[[Path, Needs | None], Awaitable[None]]
    seal: Callable[[Receipt], Coroutine[None, None, None]]
    publish: Callable[[Receipt], Coroutine[None, None, None]]
    extend: Callable[[Receipt, Collection[FileName]], Coroutine[None, None, None]]
    emit: Callable[[Event], None]
    on_end: Callable[[ModelName], None]
    clock: Callable[[], datetime]
    ask_for_room: Callable[[], None]
