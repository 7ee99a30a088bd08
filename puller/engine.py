"""What can read bytes out of the bucket. Two do: obstore, and Google's own client as the second way."""

from collections.abc import AsyncGenerator
from typing import Final, Protocol

from puller.objects import RemoteFile
from service.errors import Transient

PIECE_BYTES: Final = 512 * 1024  # larger pieces are not faster, and cost memory in every lane


class Engine(Protocol):
    """Reads bytes out of the bucket."""

    def stream(self, file: RemoteFile, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes [start, end) of the file's generation in pieces of about `PIECE_BYTES`.

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
