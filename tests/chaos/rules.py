"""The seven rules, as pure functions from what was seen to what was violated. They know nothing of how it was done.

1. A version that TensorFlow Serving was told to serve is whole and byte-equal to what was uploaded under its number.
2. Once a model answers Predict on a node, it never stops answering.
3. No version number changes content.
4. After the faults stop, every node reaches the desired state in time.
5. Nothing grows.
6. Nobody is named for wrong bytes who did not give any.
7. A version that was changed after it was signed never reaches TensorFlow Serving where signatures are required.

Rule 2 excuses silence only inside a `Window`: the run itself killed, stopped or crashed that TensorFlow Serving (a
disturbed connection between configurator and TensorFlow Serving excuses nothing), or an operator removed the model.
A window ends with the first answer after the cause is over: TensorFlow Serving runs again, which must be followed by
an answer within `RETURN_SECONDS` of the configurator's running time (nobody else can tell it anything); or the operator
wants the model again, which has to be fetched anew, and may not be there to be had. That it comes in the end is rule 4.

An answer of a version that fails its own sample is no first answer: TensorFlow Serving has it for a moment, then it is
withdrawn, and there may be no other.

Rule 3: the bytes under a number change only where the number was given up in between: TensorFlow Serving ended it, or
began a new life itself, and the files are in another folder of that name. What is in memory is told by Predict, which
answers with the content's own number.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.chaos import content
from tests.chaos.growth import grown
from tests.chaos.observations import (
    Answer,
    Ended,
    Fallen,
    Lie,
    Look,
    Named,
    Pause,
    Place,
    Recovery,
    Seen,
    Uploaded,
    Window,
)

LATE_SECONDS: Final = 2.0  # an end is seen by asking, so a little after what followed it


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and how."""

    rule: int
    at: float
    words: str


def judge(seen: Seen, *, bound_seconds: float) -> list[Violation]:
    """Judge all that was seen, in the order of time."""
    looks = [look for look in seen.looks if not _is_stand_in(look)]
    found = [
        *wholeness(looks, seen.answers, uploads=seen.uploads),
        *continuity(seen.answers, seen.windows, seen.pauses, uploads=seen.uploads),
        *immutability(looks, seen.answers, ends=seen.ends),
        *recovery(seen.recoveries, bound_seconds=bound_seconds),
        *(Violation(5, at, words) for at, words in grown(seen.samples)),
        *fallen(seen.fallen),
        *justice(seen.named, seen.lies),
        *authenticity(looks, seen.answers, uploads=seen.uploads),
    ]
    return sorted(found, key=lambda violation: violation.at)


def _is_stand_in(look: Look) -> bool:
    """Tell whether a folder is the empty one by which a load that nobody wants any more is made to fail."""
    return look.digest == content.digest({}) and look.state == "loading"


def wholeness(looks: Iterable[Look], answers: Iterable[Answer], *, uploads: Iterable[Uploaded]) -> list[Violation]:
    """Rule 1: what was on disk, and what answered, was uploaded like that under that number."""
    digests: dict[tuple[str, int], set[str]] = defaultdict(set)
    contents: dict[tuple[str, int], set[int]] = defaultdict(set)
    for one in uploads:
        digests[one.model, one.version].add(one.digest)
        contents[one.model, one.version].add(one.content)
    found: dict[tuple[Place, str], Violation] = {}
    for look in looks:
        if look.digest not in digests[look.place[1:]]:
            words = f"{_name(look.place)} is {look.state} and its files are not what was uploaded ({look.digest})"
            found.setdefault((look.place, look.digest), Violation(1, look.at, words))
    for answer in answers:
        place = (answer.node, answer.model, answer.version)
        if not answer.error and answer.content not in contents[place[1:]]:
            words = f"{_name(place)} answers {answer.content}, which no upload under that number says"
            found.setdefault((place, str(answer.content)), Violation(1, answer.at, words))
    return list(found.values())


def continuity(
    answers: Iterable[Answer], windows: Iterable[Window], pauses: Iterable[Pause], *, uploads: Iterable[Uploaded]
) -> list[Violation]:
    """Rule 2: after its first answer a model fails to answer inside a window only."""
    found = []
    withdrawn = {one.content for one in uploads if not one.is_servable}
    patient = [(window, _limit(window, pauses)) for window in windows]
    for (node, model), all_of in _by_model(answers).items():
        right = sorted(answer.at for answer in all_of if not answer.error and answer.content not in withdrawn)
        excuses = [
            (window.start, _until(window, limit, right))
            for window, limit in patient
            if window.node == node and window.model in {"", model}
        ]
        first, is_silent = min(right, default=float("inf")), False
        for answer in all_of:
            is_failure = bool(answer.error) and answer.asked > first
            if is_failure and not is_silent and not _is_excused(answer, excuses):
                found.append(Violation(2, answer.at, f"{model} on {node} stopped answering: {answer.error}"))
                is_silent = True
            is_silent = is_silent and bool(answer.error)
    return found


def immutability(looks: Iterable[Look], answers: Iterable[Answer], *, ends: Iterable[Ended]) -> list[Violation]:
    """Rule 3: content under a number stays, on disk and in memory."""
    gone: dict[Place, list[float]] = defaultdict(list)
    for end in ends:
        gone[end.place].append(end.at)
    by_place: dict[Place, list[Look]] = defaultdict(list)
    for look in looks:
        by_place[look.place].append(look)
    found = []
    for place, all_of in by_place.items():
        for before, after in pairwise(all_of):
            if before.digest == after.digest:
                continue
            if before.folder == after.folder or not _any_between(gone[place], before.at, after.at):
                words = f"{_name(place)} changed its files from {before.digest} to {after.digest}"
                found.append(Violation(3, after.at, words))
    return [*found, *_changed_answers(answers, gone)]


def _changed_answers(answers: Iterable[Answer], gone: Mapping[Place, Sequence[float]]) -> list[Violation]:
    found = []
    by_place: dict[Place, list[Answer]] = defaultdict(list)
    for answer in answers:
        if not answer.error:
            by_place[answer.node, answer.model, answer.version].append(answer)
    for place, all_of in by_place.items():
        for before, after in pairwise(all_of):
            if before.content != after.content and not _any_between(gone.get(place, ()), before.asked, after.at):
                words = f"{_name(place)} answered {before.content}, then {after.content}, and was not ended in between"
                found.append(Violation(3, after.at, words))
    return found


def _any_between(moments: Iterable[float], start: float, end: float) -> bool:
    return any(start <= moment <= end + LATE_SECONDS for moment in moments)


def recovery(recoveries: Iterable[Recovery], *, bound_seconds: float) -> list[Violation]:
    """Rule 4: every node is as desired in time."""
    return [
        Violation(
            4, float("inf"), f"{one.node} is not as desired {bound_seconds:g} s after the last fault: {one.missing}"
        )
        for one in recoveries
        if one.seconds is None or one.seconds > bound_seconds
    ]


def fallen(parts: Iterable[Fallen]) -> list[Violation]:
    """Rule 5, too: what ends by itself, or goes on after a bug, leaves nothing that could be measured."""
    return [Violation(5, part.at, f"{part.name}: {part.how}") for part in parts]


def justice(named: Iterable[Named], lies: Iterable[Lie]) -> list[Violation]:
    """Rule 6: who is named gave wrong bytes before, because the run had it do so."""
    since: dict[str, float] = {}
    for lie in lies:
        since[lie.node] = min(lie.start, since.get(lie.node, lie.start))
    return [
        Violation(6, one.at, f"{one.by} names {one.node} for wrong bytes of {one.place}, which gave none")
        for one in named
        if one.at < since.get(one.node, float("inf"))
    ]


def authenticity(looks: Iterable[Look], answers: Iterable[Answer], *, uploads: Iterable[Uploaded]) -> list[Violation]:
    """Rule 7: what TensorFlow Serving was told to serve, and what answers, is nothing that was tampered with."""
    tampered = [one for one in uploads if one.is_tampered]
    digests = {(one.model, one.version, one.digest) for one in tampered}
    contents = {(one.model, one.version, one.content) for one in tampered}
    found: dict[Place, Violation] = {}
    for look in looks:
        if (*look.place[1:], look.digest) in digests:
            words = f"{_name(look.place)} is {look.state} and was changed after it was signed ({look.digest})"
            found.setdefault(look.place, Violation(7, look.at, words))
    for answer in answers:
        place = (answer.node, answer.model, answer.version)
        if not answer.error and (*place[1:], answer.content) in contents:
            words = f"{_name(place)} answers {answer.content}, which was changed after it was signed"
            found.setdefault(place, Violation(7, answer.at, words))
    return list(found.values())


def _is_excused(answer: Answer, excuses: Iterable[tuple[float, float]]) -> bool:
    return any(start <= answer.at and answer.asked <= end for start, end in excuses)


def _limit(window: Window, pauses: Iterable[Pause]) -> float:
    """When patience with a window ends; it does not run out while the configurator is not running."""
    if window.end is None:
        return float("inf")
    limit = window.end + window.patience_seconds
    for pause in sorted((one for one in pauses if one.node == window.node), key=lambda one: one.start):
        if pause.start <= limit:
            end = float("inf") if pause.end is None else pause.end
            limit += max(0.0, end - max(pause.start, window.end))
    return limit


def _until(window: Window, limit: float, right: Sequence[float]) -> float:
    """When a window ends: at the first of these answers after its cause is over, or when patience does."""
    if window.end is None:
        return limit
    after = bisect_right(right, window.end)
    return min(right[after], limit) if after < len(right) else limit


def _by_model(answers: Iterable[Answer]) -> dict[tuple[str, str], list[Answer]]:
    found: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in answers:
        found[answer.node, answer.model].append(answer)
    return found


def _name(place: Place) -> str:
    node, model, version = place
    return f"{model} version {version} on {node}"
