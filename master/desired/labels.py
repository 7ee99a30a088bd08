"""What changes do to labels, and by them to the default version: the rules, and what is said of a broken one. Pure.

TensorFlow Serving gives a client that names neither version nor label the highest version loaded. A label keeps its
version loaded, so a label above what is pinned decides what those clients get.
"""

from collections.abc import Collection, Mapping, Sequence

from events.desired import Pinned, Policy
from events.names import Version


def moving(policy: Policy, to: Version, *, left: Collection[Version]) -> tuple[str, ...]:
    """Name the labels that go back with a rollback: those of a version that is left, and those above the target."""
    return tuple(sorted(label for label, at in policy.labels.items() if at != to and (at in left or at > to)))


def kept(policy: Policy, names: Sequence[str], *, to: Version) -> str:
    """Say why a rollback that may move no label cannot be made."""
    places = ", ".join(f"{name} at version {policy.labels[name]}" for name in names)
    are, them = ("are", "them") if len(names) > 1 else ("is", "it")
    plural = "s" if len(names) > 1 else ""
    return f"label{plural} {places} {are} left behind; without --keep-labels the rollback points {them} at version {to}"


def lifted(policy: Policy, pointers: Mapping[str, Version]) -> str:
    """Say which label would lift the default version above what is pinned; empty where none would."""
    if not isinstance(policy.want, Pinned) or policy.removed:
        return ""
    pinned = max(policy.want.versions)
    name = max(pointers, key=lambda name: (pointers[name], name), default=None)
    if name is None or pointers[name] <= pinned:
        return ""
    return (
        f"label {name} at version {pointers[name]} is above version {pinned}, which is pinned: clients that name no"
        " version get the highest version loaded, and would get that one; --accept-default if that is meant"
    )


def without_target(policy: Policy, gone: Version) -> str:
    """Say which labels point at a version that goes; empty where none does."""
    names = sorted(name for name, version in policy.labels.items() if version == gone)
    if not names:
        return ""
    return (
        f"label{'s' if len(names) > 1 else ''} {', '.join(names)} would point at nothing without version {gone}, and"
        " clients that ask by label would get errors; point at another version first, or --drop-labels if that is meant"
    )
