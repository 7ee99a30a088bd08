"""What happens in a run, and when: made from the seed alone, so that a run that failed can be made again."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

from tests.chaos.content import Kind

MODELS: Final = ("alpha", "beta", "gamma", "delta")
SIGNED: Final = "delta"  # the model whose versions are signed, and whose signatures nodes ask for
TAMPERED_OF: Final = 3  # of its contents every third is changed after it was signed
FIRST: Final = 1
CALM_SECONDS: Final = 3.0  # before the end no new fault begins
MOST_PAUSE_SECONDS: Final = 60.0
SIZES: Final = (1_000, 50_000, 500_000, 3_000_000, 10_000_000)  # the last has pieces that two nodes share
KINDS: Final = (
    *(Kind.GOOD,) * 12,
    *(Kind.SLOW,) * 3,
    *(Kind.FAILS,) * 2,
    Kind.HANGS,
    Kind.CRASHES,
    *(Kind.LIES,) * 2,
    *(Kind.HALF,) * 2,
)


class Fault(StrEnum):
    """What can go wrong. `Disturb.detail` is the seed of what it leaves open."""

    BUCKET_ERRORS = "bucket: 429, 500, 502, 503, 504"
    BUCKET_AWAY = "bucket: nothing but errors"
    BUCKET_RESETS = "bucket: connections reset"
    BUCKET_STALLS = "bucket: answers stall"
    BUCKET_CUTS = "bucket: truncated answers"
    BUCKET_FLIPS = "bucket: flipped bits"
    BUCKET_LENGTHS = "bucket: wrong lengths"
    BUCKET_DRIPS = "bucket: slow drip"
    BUCKET_STALE = "bucket: stale lists"
    BUCKET_TOKENS = "bucket: page tokens expire"
    BUCKET_REPLACES = "bucket: objects replaced before they are read"
    BUCKET_MIXED = "bucket: everything at once"
    NEWS_BAD = "notifications: duplicated, reordered, delayed, lost"
    NEWS_RUBBISH = "notifications: unparseable"
    NEWS_REPLAY = "notifications: yesterday's again"
    NEWS_FLOOD = "notifications: a flood"
    NEWS_AWAY = "Pub/Sub: killed, restarts empty"
    SERVING_KILL = "TensorFlow Serving: killed"
    SERVING_EMPTY = "TensorFlow Serving: killed, restarts empty"
    SERVING_STOP = "TensorFlow Serving: SIGSTOP"
    LINK_HOLE = "TensorFlow Serving: gRPC black hole before the configurator"
    LINK_GARBAGE = "TensorFlow Serving: answers garbage to the configurator"
    LINK_REFUSE = "TensorFlow Serving: refuses the configurator"
    PULLER_KILL = "puller: kill -9"
    PULLER_STEP = "puller: kill -9 at a named step"
    PULLER_STOP = "puller: SIGSTOP"
    CONFIGURATOR_KILL = "configurator: kill -9"
    CONFIGURATOR_STEP = "configurator: kill -9 at a named step"
    CONFIGURATOR_STOP = "configurator: SIGSTOP"
    MASTER_KILL = "master: kill -9"
    NATS_KILL = "NATS: kill -9"
    NATS_HOLE = "NATS: black hole before the nodes"
    DISK_FULL = "disk: full at some byte"
    DISK_LAZY = "disk: full at some byte, after it promised space"
    DISK_READ_ONLY = "disk: read-only"
    DISK_SLOW = "disk: slow fsync"
    DISK_VANISH = "disk: a file of ours vanishes"
    CLOCK = "clock: jumps"
    NEIGHBOUR_DIES = "neighbour: dies while it gives"
    NEIGHBOUR_LIES = "neighbour: gives wrong bytes"
    NEIGHBOUR_STALLS = "neighbour: stalls while it gives"


class Order(StrEnum):
    """What an operator orders."""

    PIN = "pin"
    UNPIN = "unpin"
    ROLLBACK = "rollback"
    REMOVE = "remove_model"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Upload:
    """A version is written into the bucket, over another of its number if there is one."""

    at: float
    model: str
    version: int
    content: int
    kind: Kind
    size: int
    has_manifest: bool
    pause_seconds: float  # between two files
    has_pieces: bool = True  # the manifest says the SHA-256 of each piece


@dataclass(frozen=True, slots=True)
class Delete:
    """A version is deleted from the bucket."""

    at: float
    model: str
    version: int


@dataclass(frozen=True, slots=True)
class Operate:
    """An operator changes desired state; `versions` is for pins."""

    at: float
    model: str
    order: Order
    version: int = 0


@dataclass(frozen=True, slots=True)
class Disturb:
    """A fault begins, and ends after so many seconds."""

    at: float
    fault: Fault
    node: str
    seconds: float
    detail: int


Step = Upload | Delete | Operate | Disturb


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run shall be like: all faults or some of them, and `pace` times as much time between what happens."""

    faults: Sequence[Fault] = tuple(Fault)
    pace: float = 1.0


ALL: Final = Wishes()


def make(seed: int, seconds: float, *, nodes: Sequence[str], wishes: Wishes = ALL) -> list[Step]:
    """Make the plan of a run, in the order of time."""
    dice = random.Random(f"chaos {seed} {seconds:g}")  # noqa: S311 - repeatable on purpose
    operations = _operations(dice, seconds, pace=wishes.pace)
    steps: list[Step] = [*operations, *_faults(dice, seconds, nodes=nodes, wishes=wishes)]
    return sorted(steps, key=lambda step: step.at)


def first_uploads() -> list[Upload]:
    """What is there before the first fault."""
    return [
        Upload(0.0, model, FIRST, content, Kind.GOOD, SIZES[0], has_manifest=True, pause_seconds=0.0)
        for content, model in enumerate(MODELS, start=1)
    ]


def render(step: Step) -> str:
    """A step as one line of JSON."""
    return json.dumps({"step": type(step).__name__.lower(), **asdict(step)})


def _operations(dice: random.Random, seconds: float, *, pace: float) -> Iterator[Step]:
    newest = dict.fromkeys(MODELS, FIRST)
    content, at = len(MODELS), 0.0
    while (at := at + pace * dice.uniform(0.5, 3.0)) < seconds:
        model, roll = dice.choice(MODELS), dice.random()
        content += 1
        if roll < 0.5:
            newest[model] += 1
            yield _upload(dice, at, model, newest[model], content)
        elif roll < 0.62:
            yield _upload(dice, at, model, dice.randint(FIRST, newest[model]), content, is_over=True)
        elif roll < 0.72:
            yield Delete(at, model, dice.randint(FIRST, newest[model]))
        elif roll < 0.97:
            order = dice.choice((Order.PIN, Order.PIN, Order.UNPIN, Order.UNPIN, Order.ROLLBACK))
            yield Operate(at, model, order, dice.randint(FIRST, newest[model]))
        else:
            yield Operate(at, model, Order.REMOVE)
            yield Operate(min(seconds, at + dice.uniform(2.0, 12.0)), model, Order.RESTORE)


def _upload(dice: random.Random, at: float, model: str, version: int, content: int, *, is_over: bool = False) -> Upload:
    """An overwrite brings a manifest: without one, old and new files make a version that looks whole."""
    kind = dice.choice(KINDS)
    if model == SIGNED and content % TAMPERED_OF == 0:
        kind = Kind.TAMPERED
    has_manifest = kind is not Kind.HALF and (is_over or dice.random() < 0.7)
    pause_seconds = dice.choice((0.0, 0.0, 0.1, 0.5))
    size, has_pieces = dice.choice(SIZES), dice.random() < 0.7
    return Upload(at, model, version, content, kind, size, has_manifest, pause_seconds, has_pieces)


def _faults(dice: random.Random, seconds: float, *, nodes: Sequence[str], wishes: Wishes) -> Iterator[Disturb]:
    """Two rows of faults, so that two are often on at the same time; they take all there are in turn, shuffled."""
    left: list[Fault] = []
    for _ in range(2):
        at = dice.uniform(1.0, 4.0)
        while at < seconds - CALM_SECONDS:
            if not left:
                left = list(wishes.faults)
                dice.shuffle(left)
            fault = left.pop()
            lasts = min(_seconds(dice, fault, seconds), seconds - at)
            yield Disturb(round(at, 3), fault, dice.choice(nodes), round(lasts, 3), dice.randrange(2**32))
            at += lasts + wishes.pace * dice.uniform(0.2, 2.0)


def _seconds(dice: random.Random, fault: Fault, seconds: float) -> float:
    if fault.value.endswith("SIGSTOP"):
        return dice.uniform(3.0, min(MOST_PAUSE_SECONDS, max(6.0, seconds / 10)))
    if fault in {Fault.NEWS_RUBBISH, Fault.NEWS_REPLAY, Fault.DISK_VANISH}:
        return 0.5
    return dice.uniform(2.0, 8.0)
