"""What a change of desired state does on a node, in sentences: the dry run, and the answer to the change. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from events.desired import Pinned, Policy, choose, default_version, keep
from events.names import ModelName, Version
from events.status import BY_HAND, ServedStage, Stage
from events.trouble import COMING
from master.fleet.explain import listed
from master.fleet.nodes import Node, moment
from master.fleet.places import ON_DISK, Halves

AT_REST = frozenset({ServedStage.ON_DISK, ServedStage.REMOVING})
OFFERED = COMING | ON_DISK | frozenset({Stage.NOT_WANTED, Stage.FAILED, Stage.NO_SPACE})


@dataclass(frozen=True, slots=True)
class Known:
    """What a node could serve: `on_disk` at once, `offered` after it was fetched."""

    serving: frozenset[Version]
    on_disk: frozenset[Version]
    offered: frozenset[Version]
    quarantined: frozenset[Version]
    spare: frozenset[Version]  # on disk, at rest, and not put there by hand


def preview(node: Node, model: ModelName, *, before: Policy, after: Policy) -> tuple[str, ...]:
    """Say what happens on a node when one policy takes the place of the other."""
    if before == after:
        return ("Nothing changes.",)
    cell = node.cells.get(model)
    known = _known(cell.halves, after) if cell else _known(Halves(), after)
    sentences = [*_removal(before, after, known), *_serving(before, after, known), *_default(before, after, known)]
    sentences += [*_disk(before, after, known), *_labels(before, after, known), *_rest(before, after, known)]
    if _concerns_serving(before, after):
        sentences += _lock(node, model, after)
    if node.hidden_since:
        sentences.append(f"The node is silent since {moment(node.hidden_since)}; it follows when it is back.")
    return tuple(sentences) or ("Nothing changes in what is served or kept.",)


def _lock(node: Node, model: ModelName, after: Policy) -> Iterator[str]:
    """Say which new models every reload waits for. Removing one of them does not wait: it sets the lock free."""
    known = node.services.get("configurator")
    lock = known.head.reload_lock if known else None
    if lock is None or (after.removed and model in lock.models):
        return
    models = f"model{'' if len(lock.models) == 1 else 's'} {', '.join(lock.models)}"
    yield (
        f"This waits for its turn: TensorFlow Serving has been loading the new {models} since {moment(lock.since)}, and"
        " takes no other change until that ends."
    )


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
        spare=frozenset(line.version for line in lines if line.state in AT_REST and line.reason != BY_HAND) - barred,
    )


def _removal(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    if after.removed and not before.removed:
        served = f"Unloads {listed(sorted(known.serving))} and removes" if known.serving else "Removes"
        yield f"{served} the model from disk; nothing of it is fetched until it is restored."


def _serving(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    if after.removed:
        return
    if after.paused and not before.paused:
        yield f"Stays as it is: {_now(known)}; newer versions wait."
    yield from _switch(before, after, known)


def _switch(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    wanted = _wanted(after, known)
    yield from _missing(before, after, known)
    for version in wanted:
        if version not in known.serving:
            yield f"Serves version {version}{'' if version in known.on_disk else ' after it was fetched'}."
    if known.on_disk and not wanted:
        yield f"Goes on as it is: {_now(known)}; none of the versions wanted can be served."
    elif gone := sorted(known.serving - set(wanted)):
        yield f"Unloads {listed(gone)} once {listed(wanted)} {'are' if len(wanted) > 1 else 'is'} served."


def _missing(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    """Say which versions are wanted and cannot be served, or not be seen yet."""
    wanted = _wanted(after, known)
    if before.removed and not wanted and not isinstance(after.want, Pinned):
        yield "Looks for versions in the bucket, and serves what is wanted of them."
    for version in sorted(set(after.want.versions) - set(wanted)) if isinstance(after.want, Pinned) else ():
        if _is_restored(version, before, after, known):
            yield f"Looks for version {version} in the bucket, and serves it if it is there."
        else:
            yield f"Cannot serve version {version}: {_why(version, after, known)}."


def _is_restored(version: Version, before: Policy, after: Policy, known: Known) -> bool:
    """Tell whether a version could not be seen till now because it was not looked for."""
    was_removed = before.removed or version in before.refused
    return was_removed and version not in after.refused and version not in known.quarantined


def _wanted(policy: Policy, known: Known) -> tuple[Version, ...]:
    return choose(policy, known.on_disk | known.offered, served=known.serving)


def _concerns_serving(before: Policy, after: Policy) -> bool:
    """Tell whether the change is about what clients get, and not only about what is kept."""
    kept = {"held": (), "retention": None}
    return before.model_copy(update=kept) != after.model_copy(update=kept)


def _default(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    """Say what clients get that name neither version nor label: the highest version loaded."""
    if not _concerns_serving(before, after):
        return
    now = default_version(known.serving)
    then = None if after.removed else default_version(_wanted(after, known) or known.serving)
    if then is None:
        yield from ("Clients get errors then.",) if now is not None else ()
        return
    names = sorted(label for label, version in after.labels.items() if version == then)
    is_lifted = then not in _wanted(after.model_copy(update={"labels": {}}), known)
    because = f", which label {names[0]} keeps loaded" if names and is_lifted else ""
    if now is None:
        yield f"Clients that name no version get version {then} then{because}."
    elif then == now:
        yield f"Clients that name no version go on getting version {then}{because}."
    else:
        yield f"Clients that name no version get version {then} instead of {now}{because}."


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


def _labels(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    can_be = set(_wanted(after, known))
    for label in sorted({*before.labels, *after.labels}):
        old, new = before.labels.get(label), after.labels.get(label)
        if new is None:
            yield f"Takes label {label} away from version {old}: clients that ask for it get errors."
        elif old == new:
            yield from (f"Label {label} stays at version {new}.",) if _concerns_serving(before, after) else ()
        elif new in can_be:
            yield f"Points label {label} at version {new}{'' if old is None else f' instead of {old}'}."
        else:
            stays = "is not set until then" if old is None else f"stays at version {old} until then"
            yield f"Points label {label} at version {new} when that can be served; it {stays}."


def _rest(before: Policy, after: Policy, known: Known) -> Iterator[str]:
    if before.paused and not after.paused:
        yield "Follows new versions again."
    for version in sorted(set(after.retry.items()) - set(before.retry.items())):
        yield f"Tries version {version[0]} again if it is in quarantine."
    if before.retention != after.retention:
        yield from _deleted(after, known)
        keeps = (
            "as many older versions as its own setting says"
            if after.retention is None
            else (f"{after.retention} older version{'' if after.retention == 1 else 's'}")
        )
        yield f"Keeps {keeps} on disk."


def _deleted(after: Policy, known: Known) -> Iterator[str]:
    """Say which versions on disk a smaller number of older ones leaves out."""
    if after.retention is None:
        return
    needed = {*_wanted(after, known), *keep(after, known.on_disk), *known.serving}
    older = sorted(known.spare - needed)
    if surplus := older[: max(0, len(older) - after.retention)]:
        yield f"Deletes {listed(surplus)} from disk once {'its' if len(surplus) == 1 else 'their'} grace time is over."
