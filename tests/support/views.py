"""Short ways to write down what a decision about a model is made from, for tables."""

from datetime import timedelta

from events.desired import Latest, Pinned, Policy
from events.manifest import Content
from events.names import FileName, ModelName, Version
from puller.bucket.completeness import Assessment, Complete, Incomplete, Settling, Unusable
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Seen
from puller.disk.contents import OnDisk
from puller.download.steps import Cancel, Extend, Fetch, StageGraph
from puller.plan import decide
from puller.view import Decision, View
from service.layout import FileRecord, Quarantine, Receipt
from tests.fakes.bucket import EPOCH

GRAPH = RemoteFile(FileName("saved_model.pb"), "m/1/saved_model.pb", Content(5, 1), 7, None, EPOCH)
OTHER = RemoteFile(FileName("saved_model.pb"), "m/1/saved_model.pb", Content(5, 2), 8, None, EPOCH)
COMPLETE, HALF, USELESS = Complete((GRAPH,)), Incomplete("x is missing"), Unusable("x is empty")
SETTLING = Settling(EPOCH + timedelta(seconds=3), "waiting")


PIN_1 = Policy(want=Pinned(versions=(Version(1),)))
TWO = Policy(want=Latest(count=2))


def v(*numbers: int) -> frozenset[Version]:
    return frozenset(map(Version, numbers))


def seen(**judgements: Assessment) -> dict[Version, Seen]:
    """Listed versions: v3=COMPLETE."""
    return {Version(int(name[1:])): Seen((GRAPH,), judgement, "bytes") for name, judgement in judgements.items()}


def on_disk(*numbers: int, fingerprint: str = "bytes") -> dict[Version, OnDisk | None]:
    """Published versions that have a receipt."""
    record = FileRecord(name=GRAPH.name, size=5, crc32c=1, generation=7)
    return {
        Version(number): OnDisk(
            Receipt(model=ModelName("m"), version=Version(number), staged=EPOCH, files=(record,)), fingerprint
        )
        for number in numbers
    }


def quarantine(
    number: int, *, fingerprint: str | None = "bytes", retry: str | None = None
) -> dict[Version, Quarantine]:
    record = Quarantine(
        model=ModelName("m"),
        version=Version(number),
        since=EPOCH,
        reason="does not load",
        fingerprint=fingerprint,
        retry=retry,
    )
    return {record.version: record}


def decided(view: View) -> dict[int, str]:
    """States by version, with a mark where a step is due: '!' fetch, '+' more files, '?' graph, 'x' cancel."""
    return {int(item.version): f"{item.stage.value}{_mark(item)}" for item in decide(view, now=EPOCH)}


def _mark(item: Decision) -> str:
    match item.step:
        case Fetch():
            return "!"
        case Extend():
            return "+"
        case StageGraph():
            return "?"
        case Cancel():
            return "x"
        case None:
            return ""
