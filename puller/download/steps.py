"""What a pass may have done about a version: stage its graph, fetch it, add files to it, or stop. Values only."""

from dataclasses import dataclass

from events.names import FileName
from puller.bucket.objects import RemoteFile


@dataclass(frozen=True, slots=True)
class StageGraph:
    """Stage a version's graph: it says what else must be there."""

    file: RemoteFile
    bytes_held: int = 0  # all of them, where it is published already

    @property
    def size(self) -> int:
        """Bytes of the graph."""
        return self.file.content.size


@dataclass(frozen=True, slots=True)
class Fetch:
    """Stage these files and publish them."""

    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.content.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Extend:
    """Stage these files, and put those that came after the version's publication beside the others."""

    files: tuple[RemoteFile, ...]
    names: frozenset[FileName]
    signed_by: str = ""  # whom this node believed when it published the others

    @property
    def size(self) -> int:
        """Bytes of what is to be added."""
        return sum(file.content.size for file in self.files if file.name in self.names)

    @property
    def bytes_held(self) -> int:
        """Bytes of what is published already."""
        return sum(file.content.size for file in self.files) - self.size


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the transfer under way: an operator does not want the version any more."""


Step = StageGraph | Fetch | Extend | Cancel
