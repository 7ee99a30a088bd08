"""Which pieces of which files are staged: notes beside a stage, so that a restart fetches only what is missing.

A note is trusted no further than where to look: whoever resumes reads the piece again and compares its CRC32C. So a
note that was lost, cut off or came before its bytes reached the disk costs a fetch, never a wrong file.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from events.names import FileName
from puller.disk.ranges import Piece
from service import files
from service.files import disk_errors

MAX_BYTES: Final = 256 * 1024 * 1024  # more than notes on a version's largest number of files and ranges take

Key = tuple[FileName, int]  # a file and its generation


class _Note(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    name: FileName
    generation: NonNegativeInt
    start: NonNegativeInt
    end: NonNegativeInt
    crc32c: NonNegativeInt


class Journal:
    """The notes on one stage."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None  # open as long as pieces are added: opening costs more than a note

    def read(self) -> Mapping[Key, Sequence[Piece]]:
        """Read all notes; what cannot be read is left out."""
        pieces: defaultdict[Key, list[Piece]] = defaultdict(list)
        for line in self._lines():
            try:
                note = _Note.model_validate_json(line)
            except ValidationError:  # cut off by a crash
                continue
            pieces[note.name, note.generation].append(Piece(note.start, note.end, note.crc32c))
        return pieces

    def rewrite(self, notes: Iterable[tuple[Key, Piece]]) -> None:
        """Forget everything but these."""
        self.close()
        content = b"".join(_line(key, piece) for key, piece in notes)
        with disk_errors(f"cannot write {self._path}"):
            if content:
                files.write(self._path, content)
            else:
                self._path.unlink(missing_ok=True)

    def add(self, key: Key, piece: Piece) -> None:
        """Note a piece whose bytes were written."""
        with disk_errors(f"cannot write {self._path}"):
            self._file = self._file or self._path.open("ab", buffering=0)
            self._file.write(_line(key, piece))

    def close(self) -> None:
        """Let go of the file; the next note opens it again."""
        if self._file:
            self._file.close()
            self._file = None

    def _lines(self) -> list[bytes]:
        with disk_errors(f"cannot read {self._path}"):
            if not self._path.is_file() or self._path.stat().st_size > MAX_BYTES:
                return []
            return self._path.read_bytes().splitlines()


def _line(key: Key, piece: Piece) -> bytes:
    name, generation = key
    note = _Note(name=name, generation=generation, start=piece.start, end=piece.end, crc32c=piece.crc32c)
    return note.model_dump_json().encode() + b"\n"
