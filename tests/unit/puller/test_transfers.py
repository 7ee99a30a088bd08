"""Transfers beside the passes: bounds, failures, full disks, and operators who change their mind."""

import asyncio

import pytest

from events.desired import Latest, Pinned, Policy
from events.messages import (
    DownloadFailed,
    NoSpace,
)
from events.names import ModelName, Version
from events.status import Stage
from puller.disk.room import NoRoom
from service import warmup
from service.errors import Transient
from tests.support.exports import record
from tests.support.pulling import FILES, MODEL, Puller, Tell


def test_a_big_version_does_not_hold_up_a_small_one(tell: Tell) -> None:
    """Transfers run beside the passes: another model's version is published while a long one is under way."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.fetcher.seconds = 1000
            puller.upload(1, model="big")
            await asyncio.sleep(1)
            puller.fetcher.seconds = 0.5
            puller.upload(1, model="small")
            await asyncio.sleep(2)
            assert puller.published("small") == [1]
            assert puller.state(1, "big") == "downloading"

    tell(story)


def test_only_so_many_versions_are_fetched_at_once(tell: Tell) -> None:
    """What exceeds the bound waits, says so, and has its turn when a transfer ends."""

    async def story(puller: Puller) -> None:
        puller.fetcher.seconds = 10
        for model in "abcde":
            puller.upload(1, model=model, notify=False)
        async with puller.running():
            await asyncio.sleep(5)
            assert sorted(puller.state(1, model) for model in "abcde") == ["downloading"] * 2 + ["waiting"] * 3
            await asyncio.sleep(40)
            assert all(puller.published(model) == [1] for model in "abcde")
            assert puller.fetcher.most_running == 2

    tell(story, parallel=2)


def test_a_failed_transfer_is_tried_again_later_and_later(tell: Tell) -> None:
    """A failure has a state and a reason; the tries get rarer until one succeeds."""

    async def story(puller: Puller) -> None:
        puller.fetcher.errors = [Transient("connection reset")] * 4
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(0.5)
            assert puller.state(1) == "failed"
            entry = puller.version(1)
            assert entry is not None
            assert entry.reason == "connection reset"
            await asyncio.sleep(20)
            assert puller.published() == [1]
            assert len(puller.emitted(DownloadFailed)) == 4

    tell(story)


def test_a_bug_in_one_transfer_harms_no_other_model(tell: Tell) -> None:
    """An unexpected error is kept with its version; everything else goes on."""

    async def story(puller: Puller) -> None:
        puller.fetcher.errors = [KeyError("oops")]
        puller.upload(1, model="a", notify=False)
        async with puller.running():
            await asyncio.sleep(0.1)
            entry = puller.version(1, "a")
            assert entry is not None
            assert "a bug" in entry.reason
            puller.upload(1, model="b")
            await asyncio.sleep(0.1)
            assert puller.published("b") == [1]
            await asyncio.sleep(5)
            assert puller.published("a") == [1]

    tell(story)


def test_a_full_disk_has_its_own_state_and_asks_for_room(tell: Tell) -> None:
    """No space is told with numbers, the configurator is asked for room, and the version comes when there is some."""

    async def story(puller: Puller) -> None:
        puller.fetcher.errors = [NoRoom("the disk is full", bytes_needed=100, bytes_free=7)] * 2
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(0.5)
            assert puller.state(1) == "no space"
            assert puller.room_requests == 1
            (event,) = puller.emitted(NoSpace)
            assert isinstance(event, NoSpace)
            assert (event.bytes_needed, event.bytes_free) == (100, 7)
            puller.downloads.try_again(Stage.NO_SPACE)
            await asyncio.sleep(0.1)
            assert len(puller.emitted(NoSpace)) == 2
            await asyncio.sleep(10)
            assert puller.published() == [1]

    tell(story)


def test_a_version_that_changes_while_it_is_fetched_is_looked_at_again(tell: Tell) -> None:
    """Nothing is published that the bucket does not list any more; the new objects are fetched in their place."""

    async def story(puller: Puller) -> None:
        changed = {**FILES, "saved_model.pb": b"another graph"}

        def change() -> None:
            puller.fetcher.before_end = lambda: None
            puller.upload(1, files=changed, notify=False)

        puller.fetcher.before_end = change
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(5)
            assert puller.published() == [1]
            assert (puller.folder / MODEL / "1" / "saved_model.pb").read_bytes() == b"another graph"

    tell(story)


def test_operators_pin_pause_refuse_and_remove(tell: Tell) -> None:
    """Desired state decides what is fetched; a change of it takes effect with the next ring of the bell."""

    async def story(puller: Puller) -> None:
        for model in ("pinned", "paused", "refused", "removed"):
            for version in (1, 2):
                puller.upload(version, model=model, notify=False)
        puller.policies = {
            ModelName("pinned"): Policy(want=Pinned(versions=(Version(1),))),
            ModelName("paused"): Policy(paused=True),
            ModelName("refused"): Policy(refused=(Version(2),)),
            ModelName("removed"): Policy(removed=True),
        }
        async with puller.running():
            await asyncio.sleep(1)
            assert puller.published("pinned") == [1]
            assert puller.published("paused") == []
            assert puller.published("refused") == [1]
            assert puller.published("removed") == []
            assert "paused" in (puller.version(2, "paused") or pytest.fail("no entry")).reason
            puller.policies = {}
            puller.wakeup.wake()
            await asyncio.sleep(1)
            assert puller.published("pinned") == [1, 2]
            assert puller.published("paused") == [2]
            assert puller.published("refused") == [1, 2]
            assert puller.published("removed") == [2]

    tell(story)


def test_a_transfer_ends_when_an_operator_refuses_the_version(tell: Tell) -> None:
    """Refusing a version stops its transfer, and what was staged is swept by the next full pass."""

    async def story(puller: Puller) -> None:
        puller.fetcher.seconds = 1000
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            assert puller.state(1) == "downloading"
            puller.policies = {MODEL: Policy(refused=(Version(1),))}
            puller.wakeup.wake()
            await asyncio.sleep(1)
            assert puller.state(1) == "not wanted"
            assert puller.fetcher.running == 0

    tell(story)


@pytest.mark.parametrize(
    "policy", [Policy(want=Pinned(versions=(Version(7),))), Policy(held=(Version(7),)), Policy(want=Latest(count=5))]
)
def test_a_stage_goes_with_its_version_in_the_bucket(tell: Tell, policy: Policy) -> None:
    """Also where an operator still asks for the version: there is nothing to go on with. One that is there is kept."""

    async def story(puller: Puller) -> None:
        puller.policies = {MODEL: policy}
        puller.upload(8, files={"saved_model.pb": b"graph"}, with_manifest=False, notify=False)
        for version in (7, 8):
            stage = puller.layout.stage(MODEL, Version(version))
            stage.mkdir(parents=True)
            (stage / "saved_model.pb").write_bytes(b"half")
        async with puller.running():
            await asyncio.sleep(1)
            assert not puller.layout.stage(MODEL, Version(7)).exists()
            assert puller.layout.stage(MODEL, Version(8)).exists() is isinstance(policy.want, Latest)

    tell(story)


def test_a_transfer_that_ends_during_a_pass_is_not_begun_again(tell: Tell) -> None:
    """What is published while a pass waits for the bucket is seen by that pass before it starts anything."""

    async def story(puller: Puller) -> None:
        puller.fetcher.seconds, puller.bucket.listing_seconds = 5, 1
        puller.upload(1, notify=False)
        async with puller.running():
            for _ in range(300):
                await asyncio.sleep(0.1)
                puller.hints.look_at_all()
            assert puller.published() == [1]
            assert puller.fetcher.fetched == [(MODEL, 1)]
            assert not puller.emitted(DownloadFailed)

    tell(story)


def test_a_warm_up_file_that_would_fail_the_load_keeps_its_version_out(tell: Tell) -> None:
    """It is invalid until its bytes change, and says which record is wrong; the others are published."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files={**FILES, warmup.FILE: record(b"\xff")})
            puller.upload(1, model="other")
            await asyncio.sleep(2)
            assert puller.state(1) == "invalid"
            line = puller.version(1, MODEL)
            assert line is not None
            assert "record 1 is no PredictionLog" in line.reason
            assert puller.published() == []
            assert puller.published("other") == [1]

    tell(story)
