"""What a change of desired state does on a node, in sentences: the dry run, and the answer to the change. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from events.desired import Pinned, Policy, choose
from events.names import ModelName, Version
from events.status import ServedStage, Stage
from master.cells import COMING, ON_DISK, Halves
from master.explain import listed
from master.nodes import Node, moment

OFFERED = COMING | ON_DISK | frozenset({Stage.NOT_WANTED, Stage.FAILED, Stage.NO_SPACE})


@dataclass(frozen=True, slots=True)
class Known:
    """What a node could serve: `on_disk` at once, `offered` after it was fetched."""

    serving: frozenset[Version]
    on_disk: frozenset[Version]
    offered: frozenset[Version]
    quarantined: frozenset[Version]


def foresee(node: Node, model: ModelName, *, before: Policy, after: Policy) -> tuple[str, ...]:
    """Say what happens on a node when one policy takes the place of the other."""
    if before == after:
        return ("Nothing changes.",)
    cell = node.cells.get(model)
    known = _known(cell.halves, after) if cell else _known(Halves(), after)
    sentences = [*_removal(before, after, known), *_serving(before, after, known), *_disk(before, after, known)]
    sentences += [*_labels(before, after), *_rest(before, after)]
    if node.hidden_since:
        sentences.append(f"The node is silent since {moment(node.hidden_since)}; it follows when it is back.")
    return tuple(sentences) or ("Nothing changes in what is served or kept.",)


def _known(halves: Halves, policy: Policy) -> Known:
    lines = halves.served.versions if halves.served else []
    barred = {line.version for line in lines if line.state is ServedStage.QUARANTINED}
    barred |= {one.version for one in halves.pulled if one.state is Stage.QUARANTINED}
    barred -= policy.retry.keys()
    on_disk = {line.version for line in lines} | {one.version for one in halves.pulled if one.state in ON_DISK}
    return Known(
        serving=frozenset(halves.served.serving if halves.served else ()),
        on_disk=frozenset(on_disk - barred),
        offered=frozenset({one.version for one in halves.pulled if one.state in OFFERED} - barred),
        quarantined=frozenset(barred),
    )


def _removal(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    if after.removed and not before.removed:
        served = f"Unloads {listed(sorted(known.serving))} and removes" if known.serving else "Removes"
        yield f"{served} the model from disk; nothing of it is fetched until it is restored."


def _serving(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    if after.removed:
        return
    if after.paused:
        yield from () if before.paused else (f"Stays as it is: {_now(known)}; newer versions wait.",)
        return
    yield from _switch(after, known)


def _switch(after: Policy, known: Known) -> Iterator[str]:
    wanted = choose(after, known.on_disk | known.offered)
    if isinstance(after.want, Pinned):
        missing = sorted(set(after.want.versions) - set(wanted))
        yield from (f"Cannot serve version {version}: {_why(version, after, known)}." for version in missing)
    for version in wanted:
        if version not in known.serving:
            yield f"Serves version {version}{'' if version in known.on_disk else ' after it was fetched'}."
    if known.on_disk and not wanted:
        yield f"Goes on as it is: {_now(known)}; none of the versions wanted can be served."
    elif gone := sorted(known.serving - set(wanted)):
        yield f"Unloads {listed(gone)} once {listed(wanted)} {'are' if len(wanted) > 1 else 'is'} served."


def _now(known: Known) -> str:
    return f"{listed(sorted(known.serving))} served" if known.serving else "nothing served"


def _why(version: Version, policy: Policy, known: Known) -> str:
    if version in policy.refused:
        return "it was removed by an operator"
    if version in known.quarantined:
        return "it is in quarantine; retry it, or upload it again"
    return "it is not on disk, and nothing of it was seen in the bucket"


def _disk(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    for version in sorted(set(after.held) - set(before.held)):
        yield f"Keeps version {version} on disk, not served{'' if version in known.on_disk else '; it is fetched'}."
    for version in sorted(set(after.refused) - set(before.refused)):
        yield (
            f"Removes version {version} from disk, and does not fetch it again."
            if version in known.on_disk
            else f"Does not fetch version {version}."
        )
    for version in sorted(set(before.refused) - set(after.refused)):
        yield f"May fetch and serve version {version} again."


def _labels(before: Policy, after: Policy) -> Iterator[str]:
    for label in sorted({*before.labels, *after.labels}):
        old, new = before.labels.get(label), after.labels.get(label)
        if old == new:
            continue
        if new is None:
            yield f"Takes label {label} away from version {old}."
        else:
            yield f"Points label {label} at version {new}{'' if old is None else f' instead of {old}'}."


def _rest(before: Policy, after: Policy) -> Iterator[str]:
    if before.paused and not after.paused:
        yield "Follows new versions again."
    for version in sorted(set(after.retry.items()) - set(before.retry.items())):
        yield f"Tries version {version[0]} again if it is in quarantine."
    if before.retention != after.retention:
        keeps = (
            "as many older versions as its own setting says"
            if after.retention is None
            else (f"{after.retention} older version{'' if after.retention == 1 else 's'}")
        )
        yield f"Keeps {keeps} on disk."
