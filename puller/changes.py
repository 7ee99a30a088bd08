"""How the bucket's objects differ from what was published under a version's number. Pure."""

from events.manifest import Content
from events.names import FileName
from events.wording import few
from puller.completeness import Unusable
from puller.objects import RemoteFile
from puller.view import Seen
from service.layout import Receipt

MAX_NAMED_FILES = 3  # in a reason


def mutation(receipt: Receipt, seen: Seen) -> str:
    """Say what became different, and that the disk's files stay."""
    if not seen.files and isinstance(seen.judgement, Unusable):  # two folders of one number
        return f"{seen.judgement.reason}; the disk's files stay"
    return _changes(receipt, seen.files)


def _changes(receipt: Receipt, files: tuple[RemoteFile, ...]) -> str:
    """Name the files in which bucket and disk differ."""
    on_disk: dict[FileName, Content] = {file.name: Content(file.size, file.crc32c) for file in receipt.files}
    offered = {file.name: file.content for file in files}
    names = sorted(name for name in on_disk.keys() | offered.keys() if on_disk.get(name) != offered.get(name))
    return f"the bucket's objects changed after publication: {few(names, most=MAX_NAMED_FILES)}; the disk's stay"
