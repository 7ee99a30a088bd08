"""Desired state on a node: the newest that could be read, also without NATS."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events import bounds
from events.desired import Latest, Pinned
from events.names import ModelName, NodeName, Version
from service.desired import DesiredStore
from service.layout import Layout
from service.watch import Entry

NODE = NodeName("n1")
PINNED = json.dumps({"policy": {"want": {"kind": "pinned", "versions": [3]}}}).encode()


class Bell:
    rings = 0

    def wake(self) -> None:
        self.rings += 1


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def store(tmp_path: Path, bell: Bell) -> DesiredStore:
    return DesiredStore(NODE, layout=Layout(tmp_path), service="puller", on_change=bell.wake)


def show(store: DesiredStore, key: str, value: bytes | None, *, spoiled: str = "", revision: int = 7) -> None:
    store.show({key: Entry(key, value, revision, datetime.now(UTC), spoiled)})


def wants(store: DesiredStore, model: str) -> object:
    return store.state.of(ModelName(model)).want


def test_change_rings_and_is_seen(store: DesiredStore, bell: Bell) -> None:
    """A new document rings the bell, and holds."""
    show(store, "m", PINNED)
    assert bell.rings == 1
    assert wants(store, "m") == Pinned(versions=(Version(3),))


def test_same_content_rings_no_second_time(store: DesiredStore, bell: Bell) -> None:
    """A watch that starts anew causes nothing."""
    show(store, "m", PINNED)
    show(store, "m", PINNED)
    assert bell.rings == 1


def test_the_revision_is_that_of_the_document_that_holds(tmp_path: Path, store: DesiredStore, bell: Bell) -> None:
    """One written anew in the same words is told, too; one that cannot be read is not followed; a copy has none."""
    for value, revision in ((PINNED, 7), (PINNED, 8), (b"no", 9)):
        show(store, "m", value, revision=revision)
    assert (store.state.revision(ModelName("m")), store.state.revision(ModelName("other"))) == (8, 0)
    assert bell.rings == 3
    again = DesiredStore(NODE, layout=Layout(tmp_path), service="puller", on_change=bell.wake)
    again.load()
    assert again.state.revision(ModelName("m")) == 0


def test_copy_on_disk_serves_while_nats_is_away(tmp_path: Path, store: DesiredStore, bell: Bell) -> None:
    """A restart without NATS keeps the pins."""
    show(store, "a=2Eb", PINNED)
    again = DesiredStore(NODE, layout=Layout(tmp_path), service="puller", on_change=bell.wake)
    again.load()
    assert wants(again, "a.b") == Pinned(versions=(Version(3),))


def test_unreadable_document_leaves_the_one_before(store: DesiredStore) -> None:
    """A slip of the pen upstream never unpins or unloads a model."""
    show(store, "m", PINNED)
    show(store, "m", b'{"policy": {"want": {"kind": "newest"}}}')
    assert wants(store, "m") == Pinned(versions=(Version(3),))


def test_what_cannot_be_read_is_said_until_it_is_written_anew(store: DesiredStore, bell: Bell) -> None:
    """A document that NATS's history stands in for is a warning in the report, and rings; then all is well again."""
    show(store, "m", PINNED)
    show(store, "m", PINNED, spoiled="revision 7 cannot be read (no); revision 6 holds")
    assert list(store.problems) == ["desired state of m: revision 7 cannot be read (no); revision 6 holds"]
    assert bell.rings == 2
    show(store, "m", PINNED)
    assert not store.problems
    assert bell.rings == 3


def test_what_nobody_deleted_stays(tmp_path: Path, store: DesiredStore, bell: Bell) -> None:
    """A NATS that comes back without its data unpins nothing, also over a restart of the node; its return heals."""
    show(store, "m", PINNED)
    for content in ({}, {"other": Entry("other", PINNED, 1, datetime.now(UTC))}):
        store.show(content)
        assert wants(store, "m") == Pinned(versions=(Version(3),))
        assert "lost its data" in store.problems[0]
    again = DesiredStore(NODE, layout=Layout(tmp_path), service="puller", on_change=bell.wake)
    again.load()
    again.show({})
    assert wants(again, "m") == Pinned(versions=(Version(3),))
    show(again, "m", PINNED)
    assert [problem for problem in again.problems if "of m:" in problem] == []


def test_nothing_is_lost_with_a_document_that_says_nothing(store: DesiredStore) -> None:
    """The default policy needs no document, so one that holds it may go without a word."""
    show(store, "m", b"{}")
    store.show({})
    assert not store.problems


def test_what_somebody_deleted_goes(store: DesiredStore) -> None:
    """A document that was deleted gives way to the default policy."""
    show(store, "m", PINNED)
    show(store, "m", None)
    assert wants(store, "m") == Latest()
    assert not store.problems


def test_a_key_that_is_no_model_is_said_and_harms_nobody(store: DesiredStore) -> None:
    """Rubbish beside the documents leaves them as they are."""
    show(store, "../m", PINNED)
    assert store.state.models == frozenset()
    assert "not a model name" in store.problems[0]


def test_a_copy_that_is_too_big_is_not_parsed(
    tmp_path: Path, store: DesiredStore, caplog: pytest.LogCaptureFixture
) -> None:
    """It is weighed first, like everything that is read."""
    path = Layout(tmp_path).desired("puller")
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"m": {}, "n": [' + b"1," * bounds.COPY.max_values + b"1]}")
    store.load()
    assert store.state.models == frozenset()
    assert "too big: 8,000,0" in str(caplog.records[-1].__dict__["fields"]["reason"])


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"m": 7}', b'{"../x": {}}', b"[" * 10**6])
def test_broken_copy_is_no_document(tmp_path: Path, store: DesiredStore, content: bytes) -> None:
    """A copy that cannot be read stops nothing."""
    path = Layout(tmp_path).desired("puller")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store.load()
    assert store.state.models == frozenset()
