"""Names that are made up cost little: whoever may publish to the topic or speak to NATS cannot make us list at will."""

import asyncio

import pytest

from events.names import ModelName, Version
from puller.notifications.hints import BURST, LACKING_SECONDS, MAX_WAITING, OVERFLOW_SECONDS, PER_SECOND, Hints
from tests.fakes.puller import CountingBucket
from tests.support.pulling import Puller, Tell

SECONDS = 15


class CountingNames(CountingBucket):
    """Counts the lists of one model's versions, too."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def versions(self, model: ModelName) -> frozenset[Version]:
        self.looks += 1
        return await super().versions(model)

    @property
    def operations(self) -> int:
        return self.catalogs + self.looks + sum(self.listings.values())


@pytest.mark.parametrize("per_second", [1_000, 10_000])
@pytest.mark.parametrize("by", ["peers", "topic"])
def test_a_flood_of_made_up_names_costs_few_lists(tell: Tell, by: str, per_second: int) -> None:
    """15 seconds of them once cost 75,000 list operations, and held a real model up for 77 s."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            assert puller.published() == [1]
            before = puller.bucket.operations  # type: ignore[attr-defined] # the one given below
            for tick in range(SECONDS * 10):
                for number in range(per_second // 10):
                    made_up = ModelName(f"x{tick}-{number}")
                    if by == "peers":
                        puller.hints.look_at(made_up)
                    else:
                        puller.hints.look_into(made_up, Version(1), is_urgent=True)
                if tick == 20:
                    puller.upload(2)
                await asyncio.sleep(0.1)
            await asyncio.sleep(OVERFLOW_SECONDS)
            assert puller.published() == [1, 2]
            spent = puller.bucket.operations - before  # type: ignore[attr-defined]
            assert spent < 2 * (BURST + PER_SECOND * (SECONDS + OVERFLOW_SECONDS)) + 20

    bucket = CountingNames()
    tell(story, bucket=bucket)


def test_our_own_news_does_not_wait_for_what_peers_make_up(tell: Tell) -> None:
    """The two have their own allowance: a notification is followed at once while NATS is full of names."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            for number in range(MAX_WAITING):
                puller.hints.look_at(ModelName(f"x{number}"))
            await asyncio.sleep(0.05)
            puller.upload(1)
            await asyncio.sleep(0.1)
            assert puller.published() == [1]

    tell(story)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.hints = Hints(lambda: None, lambda: self.now)
        self.hints.take()


def test_a_name_that_the_bucket_lacks_waits() -> None:
    """It was looked for a moment ago; a real one is found by then."""
    clock, name = Clock(), ModelName("x")
    clock.hints.look_at(name)
    assert clock.hints.take().models == {name}
    clock.hints.lacks(name)
    clock.now = LACKING_SECONDS - 1
    clock.hints.look_at(name)
    taken = clock.hints.take()
    assert (taken.models, taken.again_in_seconds) == (frozenset(), 1)
    clock.now = LACKING_SECONDS
    assert clock.hints.take().models == {name}


def test_many_names_become_one_look_at_everything_and_then_none_for_a_while() -> None:
    """The look at all finds whatever is real among them."""
    clock = Clock()
    takes = []
    for flood in range(3):
        for number in range(MAX_WAITING + 1):
            clock.hints.look_at(ModelName(f"x{flood}-{number}"))
        takes.append(clock.hints.take())
    assert [taken.everything for taken in takes] == [True, False, False]
    assert all(len(taken.models) <= BURST for taken in takes)
    assert takes[-1].again_in_seconds == OVERFLOW_SECONDS
    clock.now = OVERFLOW_SECONDS
    assert clock.hints.take().everything
