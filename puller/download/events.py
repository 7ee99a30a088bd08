"""The events that tell of a download, and its metrics."""

from events.messages import DownloadFailed, DownloadFinished, DownloadProgress, Event, NoSpace
from events.status import Progress, Stage
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Key
from puller.disk.room import NoRoom
from puller.download.failures import stage_of
from puller.download.transfer import Fetched
from service import metrics
from service.isolation import Trouble


def progressed(key: Key, progress: Progress) -> DownloadProgress:
    """Tell how far a download is."""
    return DownloadProgress(
        model=key[0],
        version=key[1],
        bytes_done=progress.bytes_done,
        bytes_total=progress.bytes_total,
        bytes_per_second=progress.bytes_per_second,
        seconds_left=progress.seconds_left,
    )


def finished(key: Key, fetched: Fetched, *, seconds: float) -> DownloadFinished:
    """Tell where the bytes came from, and count them."""
    metrics.DOWNLOADED_BYTES.labels(source="bucket").inc(fetched.bytes_moved)
    metrics.DOWNLOADED_BYTES.labels(source="neighbours").inc(fetched.bytes_from_neighbours)
    metrics.DOWNLOADED_BYTES.labels(source="disk").inc(fetched.bytes_linked + fetched.bytes_resumed)
    metrics.DOWNLOAD_SECONDS.observe(seconds)
    return DownloadFinished(
        model=key[0],
        version=key[1],
        bytes_moved=fetched.bytes_moved,
        bytes_linked=fetched.bytes_linked,
        bytes_resumed=fetched.bytes_resumed,
        bytes_from_neighbours=fetched.bytes_from_neighbours,
        seconds=round(seconds, 6),
    )


def failed(key: Key, files: tuple[RemoteFile, ...], error: Exception) -> Event | None:
    """Tell why a download failed; a version that is no good is told of by its state."""
    model, version = key
    match stage_of(error):
        case Stage.NO_SPACE:
            needed, free = _room(error, files)
            return NoSpace(model=model, version=version, bytes_needed=needed, bytes_free=free)
        case Stage.FAILED:
            return DownloadFailed(model=model, version=version, reason=Trouble(error).reason)
        case _:
            return None


def _room(error: Exception, files: tuple[RemoteFile, ...]) -> tuple[int, int]:
    """Bytes needed and bytes free: as measured before the first byte, or as it turned out on the way."""
    if isinstance(error, NoRoom):
        return error.bytes_needed, error.bytes_free
    return sum(file.content.size for file in files), 0
