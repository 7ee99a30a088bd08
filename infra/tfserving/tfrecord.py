"""TFRecord files as a load reads them: one that is damaged fails it."""

import mmap
from collections.abc import Iterator
from pathlib import Path

from infra.tfserving.servable import Code, LoadFailure
from service import tfrecord


def records(file: Path) -> Iterator[bytes]:
    """Yield the records of a file, or raise `LoadFailure` where it is damaged."""
    if not file.stat().st_size:
        return
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for part in tfrecord.records(data):
                yield data[part.start : part.end]
    except tfrecord.Damaged as error:
        raise LoadFailure(Code.DATA_LOSS, f"{error}. Please verify your warmup data is in TFRecord format.") from error
