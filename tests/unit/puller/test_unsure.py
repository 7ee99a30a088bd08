"""A version that cannot be judged whole never replaces one that serves by itself."""

import asyncio

import pytest

from events.desired import Pinned, Policy
from events.names import Version
from service.saved_model import Needs
from tests.support.pulling import FILES, MODEL, Puller, Tell, render_manifest

NOTE = "whether variables or assets are missing cannot be told"


TOO_LONG = Needs(variables=False, assets=frozenset(), unread="it is too long to be read")
LATER = {name: data for name, data in FILES.items() if name != "saved_model.pb"}


def test_a_text_graph_says_what_is_still_to_come(tell: Tell) -> None:
    """Its variables come 20 s later, and then it is taken: nobody has to say anything."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(2, files={"saved_model.pbtxt": b"graph"}, with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1]
            entry = puller.version(2)
            assert entry
            assert entry.state == "incomplete"
            assert "variables/variables.index is missing" in entry.reason
            puller.upload(2, files=LATER, with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1, 2]

    tell(story)


@pytest.mark.parametrize("graph", ["saved_model.pbtxt", "saved_model.cpb"])
def test_a_graph_that_is_not_read_waits_for_a_manifest(tell: Tell, graph: str) -> None:
    """Its variables come 20 s later: TensorFlow Serving would call it AVAILABLE, and fail every request."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            puller.needs = TOO_LONG
            puller.upload(2, files={graph: b"graph"}, with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1]
            entry = puller.version(2)
            assert entry
            assert entry.state == "incomplete"
            assert NOTE in entry.reason
            assert "manifest.json" in entry.reason
            puller.upload(2, files=LATER, with_manifest=False)
            await asyncio.sleep(600)
            assert puller.published() == [1]
            whole = render_manifest({graph: b"graph", **LATER})
            puller.handler.receive(puller.write(f"{MODEL}/2/manifest.json", whole))
            await asyncio.sleep(1)
            assert puller.published() == [1, 2]

    tell(story)


def test_an_operator_may_ask_for_it(tell: Tell) -> None:
    """A pin names the number: somebody knows that it is whole."""

    async def story(puller: Puller) -> None:
        files = {"saved_model.cpb": b"graph"}
        puller.upload(1, files=files, with_manifest=False, notify=False)
        async with puller.running():
            await asyncio.sleep(20)
            assert puller.published() == []
            puller.policies[MODEL] = Policy(want=Pinned(versions=(Version(1),)))
            await asyncio.sleep(301)
            assert puller.published() == [1]

    tell(story)


def test_an_older_version_that_is_sure_is_taken_meanwhile(tell: Tell) -> None:
    """The newest version waits; the one before it is served."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        puller.upload(2, files={"saved_model.cpb": b"graph"}, with_manifest=False, notify=False)
        async with puller.running():
            await asyncio.sleep(20)
            assert puller.published() == [1]
            assert puller.state(2) == "incomplete"

    tell(story)
