"""Proofs of what was served: nodes' signed statements out of history, which of them hold at a moment, and their file.

A statement holds from its own time until the node's next one about the model. Pure.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from events import wording
from events.attested import Attested
from events.bounds import MAX_NODES, MIB, AtMost, Bounds
from events.names import ModelName, NodeName
from master.cli.exits import Failure

if TYPE_CHECKING:  # cryptography costs start-up time
    from service.signatures.keys import PublicKey

FORMAT: Final = "model-manager.proof/1"
BOUNDS: Final = Bounds(256 * MIB, max_values=2_000_000)


@dataclass(frozen=True, slots=True)
class Holding:
    """A node's statement that holds at a moment, the next one if there is any, and by which keys they were checked."""

    now: Attested
    after: Attested | None = None
    keys: frozenset[str] = frozenset()


class _Proof(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    format: Literal["model-manager.proof/1"] = FORMAT
    model: ModelName
    at: AwareDatetime
    statements: Annotated[list[dict[str, object]], AtMost(2 * MAX_NODES), Field(min_length=1)]


def holding(statements: Iterable[Attested], at: datetime) -> list[Holding]:
    """Choose of each node the statement that holds at a moment, with the next one; by name of the node.

    The history may have lost the statement of that time and have a later one that says that nothing changed since.
    """
    by_node: defaultdict[NodeName, list[Attested]] = defaultdict(list)
    for one in sorted(statements, key=lambda one: one.at):
        by_node[one.node].append(one)
    found = []
    for _, told in sorted(by_node.items()):
        before = [one for one in told if one.at <= at]
        later = [one for one in told if one.at > at]
        if before:
            found.append(Holding(before[-1], later[0] if later else None))
        elif later and later[0].since <= at:
            found.append(Holding(later[0]))
    return found


def render(model: ModelName, at: datetime, bundles: Sequence[bytes]) -> bytes:
    """Write a proof's file."""
    proof = _Proof(model=model, at=at, statements=[json.loads(one) for one in bundles])
    return json.dumps(proof.model_dump(mode="json"), indent=1).encode()


@dataclass(frozen=True, slots=True)
class Keys:
    """Public keys of nodes: those that count for every node, and those of a node each, by its name."""

    shared: "Mapping[str, PublicKey]"
    own: "Mapping[str, PublicKey]"

    def of(self, node: NodeName, names: Collection[str]) -> frozenset[str]:
        """Tell which of these keys may speak for a node."""
        return frozenset(name for name in names if name in self.shared or name == node)


def verify(data: bytes, keys: Keys) -> tuple[ModelName, datetime, list[Holding]]:
    """Check every statement of a proof's file; raises `Failure` where one is not proven, or is about another model."""
    proof = _read(data)
    checked = [_check(one, proof.model, keys, number=number) for number, one in enumerate(proof.statements, start=1)]
    names: defaultdict[NodeName, frozenset[str]] = defaultdict(frozenset)
    for found, attested in checked:
        names[attested.node] |= found
    held = holding((attested for _, attested in checked), proof.at)
    if not held:
        raise Failure(f"no statement holds at {proof.at}: the file proves nothing about that moment")
    return proof.model, proof.at, [Holding(one.now, one.after, names[one.now.node]) for one in held]


def _check(
    statement: Mapping[str, object], model: ModelName, keys: Keys, *, number: int
) -> tuple[frozenset[str], Attested]:
    from service.signatures import attestation  # noqa: PLC0415 - see above

    try:
        names, attested = attestation.verify(json.dumps(statement).encode(), {**keys.own, **keys.shared})
    except attestation.Unproven as error:
        raise Failure(f"statement {number} proves nothing: {error}") from error
    if attested.model != model:
        raise Failure(f"statement {number} is about {attested.model}, not about {model}")
    if not (found := keys.of(attested.node, names)):
        raise Failure(f"statement {number} speaks for {attested.node}, and is signed by the key of {min(names)}")
    return found, attested


def _read(data: bytes) -> _Proof:
    from service.signatures import strict_json  # noqa: PLC0415 - see above

    try:
        return _Proof.model_validate(strict_json.loads(data, BOUNDS))
    except strict_json.BadJson as error:
        raise Failure(f"the file is no proof: {error}") from error
    except ValidationError as error:
        raise Failure(f"the file is no proof: {wording.problems(error)}") from error
