"""What reads bytes out of the bucket, as the transfer asks for it."""

from collections.abc import AsyncGenerator, Callable
from typing import Final, Protocol

from puller.bucket.objects import RemoteFile
from service.errors import Transient

PIECE_BYTES: Final = 512 * 1024  # a buffer of this size stays in the processor's cache; larger ones are not faster

Write = Callable[[memoryview], None]
"""Takes the next bytes of a range. Blocking, perhaps in a thread; the view is valid only during the call."""


class Engine(Protocol):
    """Reads bytes out of the bucket."""

    def stream(self, file: RemoteFile, *, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        """Hand the bytes [start, end) of the file's generation to `write`, in order; yield how many, now and then.

        What `write` raises ends the stream. When the stream has ended, however it did, `write` is not called any more.
        Raises `Interrupted` for what is worth another try at once, `Replaced` where the generation is gone, else
        `Transient`. Checks no content: that is the caller's.
        """
        ...


class Interrupted(Transient):
    """A request was broken off or answered with a passing error; the same request may work at once."""


class Replaced(Transient):
    """The object is there in another generation, or no more."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__(f"{file.object_name} was replaced or deleted while it was fetched; the next pass looks again")
