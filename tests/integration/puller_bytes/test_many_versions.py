"""Hundreds of incomplete versions above a good one, in a real Cloud Storage server: the requests are counted."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from events.names import ModelName, Version
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.completeness import Rules
from puller.bucket.observed import ObservedVersions
from puller.disk.contents import Local
from puller.download.steps import StageGraph
from puller.notifications.hints import Taken
from puller.plan import decide
from puller.survey import Survey, Views
from puller.view import View
from service.connection_state import ConnectionState
from service.isolation import Each
from tests.fakes.puller import FakeStream
from tests.support.stack import GcsServer

if TYPE_CHECKING:
    import requests

MODEL = ModelName("m")
NEWER = 300


def now() -> datetime:
    return datetime.now(UTC)


async def test_three_hundred_incomplete_versions_take_a_few_requests(gcs_server: GcsServer) -> None:
    """The good version's turn comes in the same pass, after two dozen requests instead of 300."""
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        gcs_server.bucket.write(f"{MODEL}/1/{name}", b"x")
    for version in range(2, NEWER + 2):
        gcs_server.bucket.write(f"{MODEL}/{version}/variables/variables.index", b"x")
    access = Access(emulator=gcs_server.url)
    requests = count_requests(access)
    observed = ObservedVersions(Bucket(gcs_server.bucket.name, prefix="", access=access), rules=Rules(), clock=now)
    survey = Survey(observed, ConnectionState("bucket", clock=now, on_change=lambda: None), FakeStream(), now)

    def view(models: Collection[ModelName]) -> Views:
        return {model: View(offered=observed.offered[model], seen=observed.seen(model)) for model in models}

    await survey.look(Taken(everything=True), Local({}, {}, Each({}, {})), at_all=True)
    views = view([MODEL])
    await survey.list(views, view, suspects=False)
    access.close()
    (good,) = (decision for decision in decide(views[MODEL], now=now()) if decision.version == Version(1))
    assert isinstance(good.step, StageGraph)
    assert len(requests) <= 24


def count_requests(access: Access) -> list[str]:
    """The addresses that are asked for, from now on."""
    asked: list[str] = []

    def note(response: "requests.Response", **_: object) -> None:
        asked.append(str(response.url))

    access.session.hooks["response"].append(note)
    return asked
