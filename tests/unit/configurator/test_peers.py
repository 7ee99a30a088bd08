"""Nodes do not follow each other into a version that takes TensorFlow Serving down."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from configurator.serving.applied_config import Key
from configurator.serving.states import State, Status
from configurator.versions.peers import Link, Peers
from configurator.view import Model
from events import crash
from events.crash import BadWord, Crash, Crashes
from events.desired import Pinned, Policy
from events.names import ModelName, NodeName, Version
from events.status import ServedStage
from service.layout import quarantined
from tests.support.configurator import MODEL, Bench

A, B, C = (NodeName(name) for name in "abc")
SEVEN = Version(7)
KEY = (MODEL, SEVEN)


class Site:
    """Several nodes whose words reach each other, while NATS is there."""

    def __init__(self, nodes: dict[str, Bench]) -> None:
        self.nodes = nodes
        self.is_connected = True
        self.crashes: Counter[str] = Counter()

    def say(self, data: bytes) -> None:
        for bench in self.nodes.values() if self.is_connected else ():
            bench.dependencies.peers.hear(data)

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(600):
            if condition():
                return
            await self.step()
        raise AssertionError(f"not true within a minute: {[bench.words() for bench in self.nodes.values()]}")

    async def run(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            await self.step()

    async def step(self) -> None:
        for name, bench in self.nodes.items():
            await bench.step()
            if not bench.serving.is_running:
                self.crashes[name] += 1
                bench.serving.start(bench.settings.config_file)

    def want(self, policy: Policy) -> None:
        for bench in self.nodes.values():
            bench.want(policy)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Two nodes that serve version 1."""
    async with AsyncExitStack() as stack:
        nodes: dict[str, Bench] = {}
        site = Site(nodes)
        for name in "ab":
            (tmp_path / name).mkdir()
            nodes[name] = Bench(tmp_path / name, node=name, stagger_seconds=0, heed_peers=True)
        for bench in nodes.values():
            bench.publish_word, bench.is_on_nats = site.say, True
            bench.begin()
            await stack.enter_async_context(bench)
            bench.serving.start()
            bench.publish(1)
        await site.until(lambda: all(bench.serves_only(1) for bench in nodes.values()))
        yield site


async def test_a_version_that_kills_goes_down_on_one_node(site: Site) -> None:
    """The other serves on, says what it waits for, and goes on once an operator has it tried again."""
    a, b = site.nodes.values()
    a.publish(7, crash=True)
    await site.until(lambda: site.crashes["a"])
    b.publish(7, crash=True)
    await site.until(lambda: "in quarantine" in a.words())
    await site.run(10)
    assert site.crashes == Counter(a=2)
    assert b.available() == {1}
    assert b.words() == (
        "version 7 is in quarantine: it took TensorFlow Serving down on a; `model-manager retry m 7` has it tried again"
    )
    assert b.on_disk() == {1, 7}
    line = b.state(7)
    assert (line.state, b.words()) == (ServedStage.QUARANTINED, f"version 7 is in quarantine: {line.reason}")
    assert not quarantined(b.layout, MODEL)[SEVEN].took_down
    b.want(Policy(retry={SEVEN: "again"}))
    await site.until(lambda: site.crashes["b"])


async def test_nodes_that_fell_at_the_same_moment_do_not_fall_twice(site: Site) -> None:
    """One of them tries once more, and the other waits for what comes of it."""
    for bench in site.nodes.values():
        bench.publish(7, crash=True)
    await site.until(lambda: any("in quarantine" in bench.words() for bench in site.nodes.values()))
    await site.run(10)
    assert site.crashes == Counter(a=2, b=1)
    assert "it took TensorFlow Serving down on a" in site.nodes["b"].words()


async def test_a_version_that_was_not_to_blame_is_served_by_all(site: Site) -> None:
    """The second try succeeds, and the word is taken back."""
    a, b = site.nodes.values()
    a.publish(7, load_seconds=1.0)
    await site.until(lambda: a.reconciler.view.status(KEY) == Status(State.LOADING))
    a.serving.stop()
    b.publish(7)
    await site.until(lambda: b.words().startswith("version 7 waits: it may have taken"))
    await site.until(lambda: a.serves_only(7) and b.serves_only(7) and not b.words())


async def test_a_node_alone_behaves_as_ever(site: Site) -> None:
    """With NATS away each finds out by itself."""
    site.is_connected = False
    for bench in site.nodes.values():
        bench.publish(7, crash=True)
    await site.until(lambda: all("in quarantine" in bench.words() for bench in site.nodes.values()))
    assert site.crashes == Counter(a=2, b=2)


async def test_a_pinned_version_waits_too(site: Site) -> None:
    """Where it shall be served and nothing else, what serves goes on."""
    a, b = site.nodes.values()
    a.publish(7, crash=True)
    await site.until(lambda: "in quarantine" in a.words())
    site.want(Policy(want=Pinned(versions=(SEVEN,))))
    b.publish(7, crash=True)
    await site.run(10)
    assert site.crashes["b"] == 0
    assert b.available() == {1}
    assert "version 7 is in quarantine: it took TensorFlow Serving down on a" in b.words()


async def test_what_serves_is_never_touched(site: Site) -> None:
    """A word about a version that is good here changes nothing."""
    a, _ = site.nodes.values()
    said = Crash(model=MODEL, version=Version(1), is_final=True)
    a.dependencies.peers.hear(Crashes(node=C, crashes=(said,)).model_dump_json().encode())
    await site.run(5)
    assert a.serves_only(1)
    assert not a.words()


async def test_a_restarted_node_says_it_again(site: Site) -> None:
    """Its record is on the disk."""
    a, b = site.nodes.values()
    a.publish(7, crash=True)
    await site.until(lambda: "in quarantine" in a.words())
    await a.restart()
    await b.restart()
    b.publish(7, crash=True)
    await site.run(10)
    assert site.crashes["b"] == 0


def peers(node: NodeName = B, *, stagger: float = 0.0, heeds: bool = True, sent: list[bytes] | None = None) -> Peers:
    link = Link((sent if sent is not None else []).append, lambda: True, lambda: None, lambda: 0.0)
    return Peers(node, link, stagger_seconds=stagger, heeds=heeds)


def there(*, retry: str = "", good: Iterable[Version] = (), statuses: Mapping[Version, Status] | None = None) -> Model:
    policy = Policy(retry={SEVEN: retry} if retry else {})
    return Model(policy=policy, on_disk=frozenset({SEVEN}), good=frozenset(good), statuses=statuses or {})


def held(one: Peers, *, retry: str = "", crashes: Mapping[Key, int] | None = None) -> Mapping[Version, str]:
    return one.look(MODEL, there(retry=retry), crashes=crashes or {}, now=0.0).held


def waits(one: Peers, crashes: Mapping[Key, int]) -> Mapping[Version, str]:
    return one.look(MODEL, there(), crashes=crashes, now=0.0).waits


def turns(one: Peers, model: Model, now: float) -> Mapping[Version, str]:
    return one.look(MODEL, model, crashes={}, now=now).waits


def told(*nodes: NodeName, is_final: bool = True, retry: str | None = None, by: Peers) -> None:
    for node in nodes:
        said = Crash(model=MODEL, version=SEVEN, is_final=is_final, retry=retry)
        by.hear(Crashes(node=node, crashes=(said,)).model_dump_json().encode())


def test_a_retry_goes_on_until_it_has_failed_in_turn() -> None:
    """The word says which request its own attempt had followed."""
    one = peers()
    told(A, by=one)
    assert held(one)
    assert not held(one, retry="x")
    told(A, retry="x", by=one)
    assert held(one, retry="x")


def test_the_first_of_those_that_suspect_it_tries_again() -> None:
    """By name; where one is certain, nobody does."""
    one = peers(B)
    told(C, is_final=False, by=one)
    assert not waits(one, {KEY: 1})
    assert waits(one, {})
    told(A, is_final=False, by=one)
    assert waits(one, {KEY: 1})
    last = peers(A)
    told(C, by=last)
    assert held(last, crashes={KEY: 1})


def test_it_can_be_turned_off() -> None:
    """Then words change nothing."""
    one = peers(heeds=False)
    told(A, by=one)
    assert not held(one)


def test_many_nodes_are_counted() -> None:
    """The sentence stays short."""
    one = peers(B)
    told(*(NodeName(f"n{number}") for number in range(5)), by=one)
    assert "down on n0, n1, n2 and 2 more;" in one.look(MODEL, there(), crashes={}, now=0.0).held[SEVEN]


def test_first_loads_begin_one_after_the_other() -> None:
    """Each node has its own moment within the time; what is known to be good, or loads, waits for nothing."""
    moments = {}
    for node in (A, B, C):
        one = peers(node, stagger=8.0)
        one.hear(Crashes(node=NodeName("other")).model_dump_json().encode())
        times = [now / 10 for now in range(100)]
        moments[node] = next(now for now in times if not turns(one, there(), now))
    assert len(set(moments.values())) == 3
    assert max(moments.values()) <= 8.0
    one = peers(B, stagger=8.0)
    one.hear(Crashes(node=A).model_dump_json().encode())
    assert not turns(one, there(good=[SEVEN]), 0.0)
    assert turns(one, there(), 0.0)
    assert not turns(one, there(statuses={SEVEN: Status(State.LOADING)}), 0.0)
    assert not turns(one, there(statuses={SEVEN: Status(State.END, 5, "gone")}), 0.0)  # it has had its turn
    assert not turns(peers(C, stagger=8.0), there(), 0.0)  # who has heard of nobody is alone


async def test_a_turn_that_has_not_come_is_said(tmp_path: Path) -> None:
    """What is served stays, and the model is on its way."""
    async with Bench(tmp_path, stagger_seconds=30, heed_peers=True) as bench:
        bench.serving.start()
        await bench.serve(1)
        bench.is_on_nats = True
        bench.dependencies.peers.hear(Crashes(node=A).model_dump_json().encode())
        bench.publish(7)
        await bench.until(lambda: "one after the other" in bench.words())
        assert bench.words() == "version 7 waits: the nodes begin to load it one after the other"
        assert bench.report()[MODEL].is_moving
        assert bench.available() == {1}
        await bench.until(lambda: bench.serves_only(7))


async def test_a_version_that_fails_in_its_turn_is_tried_once(tmp_path: Path) -> None:
    """Its turn does not come again: it is judged, and goes into quarantine."""
    async with Bench(tmp_path, stagger_seconds=3, heed_peers=True) as bench:
        bench.serving.start()
        await bench.serve(1)
        bench.is_on_nats = True
        bench.dependencies.peers.hear(Crashes(node=A).model_dump_json().encode())
        sent = len(bench.serving.reloads)
        bench.publish(7, load_seconds=0.5, fail={"code": "DATA_LOSS", "message": "bytes are gone"})
        await bench.until(lambda: "bytes are gone" in bench.words() and bench.serves_only(1))
        assert len(bench.serving.reloads) - sent == 2  # one names it, one does not any more


def test_who_is_new_is_told() -> None:
    """Those who have nothing to say show now and then that they are there; nobody answers himself or an answer."""
    sent: list[bytes] = []
    one = peers(B, sent=sent)
    one.hear(Crashes(node=B, is_new=True).model_dump_json().encode())
    one.hear(Crashes(node=A).model_dump_json().encode())
    assert sent == []
    for _ in range(3):
        one.hear(Crashes(node=A, is_new=True).model_dump_json().encode())
    assert [crash.parse(data) for data in sent] == [Crashes(node=B)]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"node": "../a"}', b"x" * 70_000, Crashes(node=A).model_dump_json().encode()[:-1]],
)
def test_what_is_no_word_is_refused(data: bytes) -> None:
    """It is counted, and changes nothing."""
    with pytest.raises(BadWord):
        crash.parse(data)


def test_a_word_of_too_many_versions_is_refused() -> None:
    """A node names a hundred at most."""
    many = tuple(Crash(model=ModelName("m"), version=Version(one), is_final=True) for one in range(101))
    data = Crashes.model_construct(node=A, crashes=many).model_dump_json().encode()
    with pytest.raises(BadWord):
        crash.parse(data)
