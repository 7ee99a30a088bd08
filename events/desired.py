"""Desired state: what operators want of a model, one document a model in the KV bucket `mm_desired`.

A model without a document has the default policy: the newest version, found by itself. Nodes read it, operators write
it (through the master or a NATS command), with a revision check.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from events import bounds, wording
from events.bounds import AtMost
from events.names import ModelName, NodeName, Version

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


Versions = Annotated[tuple[Version, ...], AtMost(bounds.MAX_VERSIONS)]


class BadDesired(ValueError):
    """A desired-state document that cannot be read."""


class _Document(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class Latest(_Document):
    """The newest `count` versions that are complete and not quarantined."""

    kind: Literal["latest"] = "latest"
    count: int = Field(default=1, ge=1, le=16)


class Pinned(_Document):
    """Exactly these versions, whatever else arrives."""

    kind: Literal["pinned"] = "pinned"
    versions: Annotated[tuple[Version, ...], AtMost(16)] = Field(min_length=1)

    @field_validator("versions")
    @classmethod
    def _distinct(cls, versions: tuple[Version, ...]) -> tuple[Version, ...]:
        if len(set(versions)) != len(versions):
            raise ValueError("a version is named twice")
        return tuple(sorted(versions))


class Policy(_Document):
    """What is wanted of a model on a node."""

    want: Annotated[Latest | Pinned, Field(discriminator="kind")] = Latest()
    labels: Annotated[Mapping[Label, Version], AtMost(bounds.MAX_LABELS)] = Field(default_factory=dict)
    paused: bool = False  # no new version is followed by itself; pins, labels and removals count as ever
    removed: bool = False  # the model shall be neither fetched nor served
    held: Versions = ()  # on the disk besides, not served: ready for a later pin
    refused: Versions = ()  # versions an operator took away; never fetched or served
    retry: Annotated[Mapping[Version, str], AtMost(bounds.MAX_VERSIONS)] = Field(
        default_factory=dict
    )  # quarantined version -> id of the request to try it again
    retention: int | None = Field(default=None, ge=0, le=1000)  # older versions kept on disk; None: the node's setting


class Desired(_Document):
    """A model's document: a policy for all nodes, and policies of single nodes that stand in its place."""

    policy: Policy = Policy()
    nodes: Annotated[Mapping[NodeName, Policy], AtMost(bounds.MAX_NODES)] = Field(default_factory=dict)

    def on(self, node: NodeName) -> Policy:
        """Return the policy that holds on a node."""
        return self.nodes.get(node, self.policy)


class DesiredState:
    """All models' documents as one node sees them; a model without one has the default policy."""

    def __init__(
        self, node: NodeName, documents: Mapping[ModelName, Desired], revisions: Mapping[ModelName, int] | None = None
    ) -> None:
        self._node = node
        self._documents = documents
        self._revisions = revisions or {}

    def of(self, model: ModelName) -> Policy:
        """Return a model's policy on this node."""
        document = self._documents.get(model)
        return document.on(self._node) if document else _DEFAULT

    def policies(self, model: ModelName) -> tuple[Policy, ...]:
        """Return the policies of all nodes for a model."""
        document = self._documents.get(model)
        return (document.policy, *document.nodes.values()) if document else (_DEFAULT,)

    def revision(self, model: ModelName) -> int:
        """Return the revision of a model's document; 0 where there is none, or NATS has not told it yet."""
        return self._revisions.get(model, 0)

    @property
    def models(self) -> frozenset[ModelName]:
        """The models that have a document."""
        return frozenset(self._documents)


_DEFAULT = Policy()


def parse(data: bytes) -> Desired:
    """Read a document; `BadDesired` says what is wrong with it."""
    if problem := bounds.DESIRED.problem(data):
        raise BadDesired(f"desired state is {problem}")
    try:
        return Desired.model_validate_json(data)
    except ValidationError as error:
        raise BadDesired(f"desired state is not readable: {wording.problems(error)}") from error


def render(document: Desired) -> bytes:
    """Write a document; `BadDesired` where it is more than any reader takes."""
    data = document.model_dump_json().encode()
    if wrong := problem(data):
        raise BadDesired(wrong)
    return data


def problem(data: bytes) -> str:
    """Say why a document cannot be read; empty where it can."""
    try:
        parse(data)
    except BadDesired as error:
        return str(error)
    return ""


def choose(
    policy: Policy, candidates: Iterable[Version], *, served: Iterable[Version] | None = None
) -> tuple[Version, ...]:
    """Choose from the versions that could be served those that the policy wants served, ascending.

    The one rule for both services: the puller applies it to what the bucket can give, the configurator to what the
    disk has. A version that carries a label is served besides. A pinned or labelled version that is no candidate is
    simply not chosen; saying why is the caller's part. `served` is what was served last: while updates are paused,
    the newest versions are sought no higher than that. None: as if updates were not paused.
    """
    if policy.removed:
        return ()
    allowed = sorted(set(candidates) - set(policy.refused))
    labelled = set(policy.labels.values())
    match policy.want:
        case Pinned(versions=versions):
            return tuple(version for version in allowed if version in versions or version in labelled)
        case Latest(count=count):
            newest = _followed(policy, allowed, served)[-count:]
            return tuple(version for version in allowed if version in newest or version in labelled)


def _followed(policy: Policy, allowed: Sequence[Version], served: Iterable[Version] | None) -> Sequence[Version]:
    """Leave out the versions that a pause holds back: those above what was served without the help of a label."""
    if not policy.paused or served is None:
        return allowed
    known = set(served)
    highest = max(known - set(policy.labels.values()) or known, default=-1)
    return [version for version in allowed if version <= highest]


def default_version(loaded: Iterable[Version]) -> Version | None:
    """Tell what a client gets that names neither version nor label: the highest version that is loaded."""
    return max(loaded, default=None)


def keep(policy: Policy, candidates: Iterable[Version]) -> tuple[Version, ...]:
    """Choose those that belong on the disk: what shall be served, and what is held for later."""
    if policy.removed:
        return ()
    candidates = set(candidates)
    held = (candidates & set(policy.held)) - set(policy.refused)
    return tuple(sorted(held | set(choose(policy, candidates))))
