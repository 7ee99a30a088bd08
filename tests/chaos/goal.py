"""What a node must serve in the end: told from desired state, the bucket and the node's disk, by the contract's own
rule (`events.desired.choose`), and compared with what TensorFlow Serving says. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from events.desired import Policy, choose
from events.names import Version


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one model on one node: which versions are there, and whether each can be served."""

    policy: Policy
    in_bucket: Mapping[int, bool]  # the whole ones
    on_disk: Mapping[int, bool]
    available: frozenset[int]
    has_served: bool


def missing(facts: Facts) -> str:
    """Say what is not as it must be; empty when all is."""
    available = facts.available
    if facts.policy.removed:
        return f"serves {_list(available)}, though the model is removed" if available else ""
    wanted = frozenset(int(version) for version in choose(facts.policy, candidates(facts)))
    if wanted:
        return "" if available == wanted else f"serves {_list(available)}, wanted is {_list(wanted)}"
    if facts.has_served and not available:
        return "serves nothing, though it has served"
    return ""  # what is wanted cannot be had: the last good version goes on serving


def candidates(facts: Facts) -> frozenset[Version]:
    """The versions that could be served: on disk and good, or to be fetched and good."""
    numbers = facts.in_bucket.keys() | facts.on_disk.keys()
    return frozenset(Version(number) for number in numbers if _is_good(facts, number))


def _is_good(facts: Facts, number: int) -> bool:
    """What is on disk counts; what is bad there gives way to other bytes from the bucket."""
    return facts.on_disk.get(number, False) or facts.in_bucket.get(number, False)


def _list(numbers: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(numbers))) or "nothing"
