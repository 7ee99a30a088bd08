"""Desired state: strict to read, one rule to choose by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import desired
from events.desired import BadDesired, Desired, DesiredState, Latest, Pinned, Policy, choose, keep
from events.names import ModelName, NodeName, Version

VERSIONS = st.sets(st.integers(0, 50).map(Version))


def versions(*numbers: int) -> tuple[Version, ...]:
    return tuple(Version(number) for number in numbers)


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Policy(), versions(3)),
        (Policy(want=Latest(count=2)), versions(2, 3)),
        (Policy(want=Latest(count=9)), versions(1, 2, 3)),
        (Policy(want=Pinned(versions=versions(1))), versions(1)),
        (Policy(want=Pinned(versions=versions(3, 1))), versions(1, 3)),
        (Policy(want=Pinned(versions=versions(1, 9))), versions(1)),
        (Policy(refused=versions(3)), versions(2)),
        (Policy(removed=True), ()),
        (Policy(labels={"canary": Version(1)}), versions(1, 3)),
        (Policy(labels={"canary": Version(9)}), versions(3)),
        (Policy(held=versions(1)), versions(3)),
    ],
)
def test_choice(policy: Policy, chosen: tuple[Version, ...]) -> None:
    """From versions 1, 2 and 3 a policy chooses these."""
    assert choose(policy, versions(1, 2, 3)) == chosen


@pytest.mark.parametrize(
    ("policy", "served", "chosen"),
    [
        (Policy(), versions(2), versions(3)),
        (Policy(paused=True), versions(2), versions(2)),
        (Policy(paused=True), (), ()),
        (Policy(paused=True, want=Latest(count=2)), versions(2), versions(1, 2)),
        (Policy(paused=True, want=Pinned(versions=versions(3))), versions(1), versions(3)),
        (Policy(paused=True, labels={"canary": Version(3)}), versions(2), versions(2, 3)),
        (Policy(paused=True, labels={"canary": Version(3)}), versions(2, 3), versions(2, 3)),
        (Policy(paused=True, labels={"stable": Version(2)}), versions(2), versions(2)),
        (Policy(paused=True, refused=versions(2)), versions(2), versions(1)),
    ],
)
def test_a_pause_holds_new_versions_back_and_nothing_else(
    policy: Policy, served: tuple[Version, ...], chosen: tuple[Version, ...]
) -> None:
    """From versions 1, 2 and 3, where some were served: pins, labels and removals count while updates are paused."""
    assert choose(policy, versions(1, 2, 3), served=served) == chosen


@given(VERSIONS, st.integers(1, 5))
def test_latest_never_chooses_an_older_over_a_newer(candidates: set[Version], count: int) -> None:
    """What is left out is older than all that is chosen."""
    chosen = choose(Policy(want=Latest(count=count)), candidates)
    assert len(chosen) == min(count, len(candidates))
    assert all(left < min(chosen) for left in candidates - set(chosen))


def test_held_version_belongs_on_the_disk_and_is_not_served() -> None:
    """A version pulled for later is kept beside what is served, unless it was refused."""
    assert keep(Policy(held=versions(1)), versions(1, 2, 3)) == versions(1, 3)
    assert keep(Policy(held=versions(1), refused=versions(1)), versions(1, 2, 3)) == versions(3)
    assert keep(Policy(held=versions(1), removed=True), versions(1, 2, 3)) == ()


def test_policy_of_a_node_stands_in_place_of_the_common_one() -> None:
    """A pin on one node leaves the others alone."""
    document = Desired(nodes={NodeName("n1"): Policy(paused=True)})
    model = ModelName("m")
    assert DesiredState(NodeName("n1"), {model: document}).of(model).paused
    assert not DesiredState(NodeName("n2"), {model: document}).of(model).paused


def test_model_without_document_follows_the_newest() -> None:
    """Nothing needs to be configured for the main job."""
    assert DesiredState(NodeName("n"), {}).of(ModelName("m")) == Policy(want=Latest(count=1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"7",
        b'{"policy": {"want": {"kind": "newest"}}}',
        b'{"policy": {"want": {"kind": "pinned", "versions": []}}}',
        b'{"policy": {"want": {"kind": "pinned", "versions": [1, 1]}}}',
        b'{"policy": {"want": {"kind": "pinned", "versions": [-1]}}}',
        b'{"policy": {"labels": {"bad label!": 1}}}',
        b'{"polizy": {}}',
    ],
)
def test_wrong_document_is_refused_with_its_place(data: bytes) -> None:
    """A field we do not know could mean anything, so it is an error and not a guess."""
    with pytest.raises(BadDesired, match="desired state is not readable"):
        desired.parse(data)


def test_what_no_reader_takes_is_not_written() -> None:
    """The bounds of reading hold for writing."""
    document = Desired(nodes={NodeName(f"node-{number}"): Policy(paused=True) for number in range(9_000)})
    with pytest.raises(BadDesired, match=r"desired state is too big: 1\.\d MiB, at most 1\.0 MiB"):
        desired.render(document)


def test_document_survives_json() -> None:
    """What the master writes is what a node reads."""
    policy = Policy(
        want=Pinned(versions=versions(1, 2)), labels={"canary": Version(2)}, retry={Version(3): "r1"}, retention=0
    )
    document = Desired(policy=policy, nodes={NodeName("a.b"): Policy(removed=True)})
    assert desired.parse(desired.render(document)) == document
