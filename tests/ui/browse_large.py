"""A fleet of 200 models on 1,000 simulated nodes: all of it is reached, and only what is in sight is drawn.

Times are measured and written to build/ui/numbers.json, not judged: they are the machine's as much as ours.
"""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import httpx
import pytest
from playwright.sync_api import Page, expect

from events.names import ModelName, NodeName, Version
from infra.local import parts
from infra.local.fleet import FleetPlan, SimulatedFleet, SimulatedNode
from infra.local.fleet_report import Simulated
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from tests.ui.conftest import PICTURES, Open
from tests.ui.world import until

START_SECONDS = 400.0
pytestmark = pytest.mark.timeout(900)
MODEL, NODE = ModelName("model-003"), NodeName("node-0005")
NUMBERS = PICTURES / "numbers.json"
WATCH = """name => new Promise(resolve => {
  const look = () => document.querySelector(`[data-key="${name}"]`)?.dataset.state === "held back"
    ? resolve(Date.now()) : requestAnimationFrame(look);
  look();
})"""


class Crowd:
    """The simulated fleet, in a thread of its own, and the master over it."""

    def __init__(self, url: str, fleet: SimulatedFleet, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.fleet = fleet
        self._loop = loop

    def now(self, what: Coroutine[None, None, None]) -> None:
        """Have the fleet do something, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=START_SECONDS)

    @property
    def versions(self) -> tuple[Version, ...]:
        """What is on every disk."""
        return self.fleet.nodes[NODE].models[MODEL].on_disk

    def node(self, number: int) -> SimulatedNode:
        """A node by its number."""
        return self.fleet.nodes[NodeName(f"node-{number:04}")]

    def change(self, change: Callable[[Simulated], Simulated]) -> None:
        """Have one model be otherwise on one node."""
        self.now(self.fleet.set(NODE, MODEL, change(self.fleet.nodes[NODE].models[MODEL])))


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with Supervisor() as supervisor:
        ports = [supervisor.ports.reserve() for _ in range(3)]
        supervisor.start(parts.nats(supervisor.new_folder("nats"), ports[0], ports[1]))
        nats_url = f"nats://{LOOPBACK}:{ports[0]}"
        supervisor.start(parts.master(ports[2], {"MM_NATS_URL": nats_url}))
        fleet = SimulatedFleet(nats_url, FleetPlan(nodes=1000, models=200))
        started, ending = threading.Event(), asyncio.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        async def live() -> None:
            async with fleet:
                loops.append(asyncio.get_running_loop())
                started.set()
                await ending.wait()

        thread = threading.Thread(target=lambda: asyncio.run(live()))
        thread.start()
        url = f"http://{LOOPBACK}:{ports[2]}"
        try:
            until("the simulated fleet", started.is_set, seconds=START_SECONDS)
            until("the master to have heard it", partial(is_heard, url), seconds=START_SECONDS)
            yield Crowd(url, fleet, loops[0])
        finally:
            until("the simulated fleet to have begun", started.is_set, seconds=START_SECONDS)
            loops[0].call_soon_threadsafe(ending.set)
            thread.join()


def is_heard(url: str) -> bool:
    """Tell whether the master knows of every cell, and of no trouble."""
    overview = httpx.get(f"{url}/v1/overview", timeout=START_SECONDS, trust_env=False).json()
    return overview["cells"] == [{"state": "serving", "count": 200_000}] and not overview["sentences"]


@pytest.fixture
def page(crowd: Crowd, open_page: Open) -> Page:
    """The fleet view, whole."""
    page = open_page(crowd.url)
    expect(page.get_by_role("heading", name="200 models on 1,000 nodes")).to_be_visible()
    expect(page.locator(".cell.is-serving").first).to_be_visible()
    expect(page.locator(".cell.is-unknown")).to_have_count(0)
    return page


def test_only_what_is_in_sight_is_drawn_and_all_of_it_is_reached(page: Page) -> None:
    """By the keyboard to the last model on the last node, with its name, and the page stays small."""
    assert page.locator(".cell").count() < 3_000
    page.locator(".cell[tabindex='0']").focus()
    page.keyboard.press("Control+End")
    last = page.get_by_role("gridcell", name=re.compile("model-199 on node-0999: serving, serving 7"))
    expect(last).to_be_focused()
    expect(page.get_by_role("tooltip")).to_contain_text("serving 7, desired 7")
    assert page.locator(".cell").count() < 3_000
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="model-199")).to_be_visible()


def test_filters_narrow_both_ways_and_stand_in_the_address(page: Page) -> None:
    """What was searched can be linked to."""
    page.get_by_label("Show only models").fill("model-19")
    page.get_by_label("Show only nodes").fill("node-099")
    expect(page.get_by_role("grid")).to_have_attribute("aria-colcount", "11")
    assert "model=model-19&node=node-099" in page.url
    page.reload()
    expect(page.get_by_role("grid")).to_have_attribute("aria-colcount", "11")
    expect(page.get_by_role("row")).to_have_count(1 + 1 + 10)
    page.get_by_role("button", name="0 failed").click()
    expect(page.get_by_text("No model on no node matches")).to_be_visible()


def test_what_is_wrong_comes_first(crowd: Crowd, page: Page) -> None:
    """Rows are grouped by the worst state, worst first; columns begin with the nodes that have it."""
    now = datetime.now(UTC)
    refused = {Version(8): "TensorFlow Serving could not load it: DATA_LOSS: checksum of a tensor does not match"}
    wrong: dict[str, tuple[range, dict[str, object]]] = {
        "model-042": (
            range(100, 103),
            {"failed": (Version(8), "the bucket answers 503"), "serving": (), "since": now},
        ),
        "model-017": (
            range(100, 112),
            {"quarantined": refused, "on_disk": (*crowd.versions, Version(8)), "since": now},
        ),
        "model-120": (range(106, 111), {"desired": (Version(8),), "since": now}),
        "model-003": (range(110, 140), {"downloading": Version(8), "progress": 0.4, "since": now}),
    }
    whole = {number: dict(crowd.node(number).models) for number in range(100, 140)}
    for model, (numbers, fields) in wrong.items():
        for number in numbers:
            models = crowd.node(number).models
            models[ModelName(model)] = replace(models[ModelName(model)], **fields)  # type: ignore[arg-type]  # by name
    crowd.now(crowd.fleet.report(crowd.node(number) for number in whole))
    states = ("failed", "behind", "held back", "updating", "serving")
    expect(page.locator(".groupname")).to_have_text([re.compile(f"{state} · ") for state in states])
    expect(page.get_by_role("columnheader").nth(1)).to_contain_text("node-0100")
    expect(page.locator(".cell.is-unknown")).to_have_count(0)
    page.screenshot(path=PICTURES / "large-dark.png")
    page.get_by_role("button", name="3 failed").click()
    expect(page.get_by_role("grid")).to_have_attribute("aria-colcount", "4")
    for number, models in whole.items():
        crowd.node(number).models.update(models)
    crowd.now(crowd.fleet.report(crowd.node(number) for number in whole))
    expect(page.get_by_text("Everything is as desired")).to_be_visible()


def test_a_cell_changes_in_the_page_when_it_changes_on_the_node(crowd: Crowd, page: Page) -> None:
    """One report of one node redraws one cell, and the sentence on top."""
    cell = page.locator(f"[data-key='{MODEL} {NODE}']")
    expect(cell).to_have_class(re.compile("is-serving"))
    cell.hover()  # what is under the eyes stays where it is
    seen = page.evaluate_handle(
        f"{{ promise: ({WATCH})('{MODEL} {NODE}') }}".replace("{ promise: ", "({ promise: ") + ")"
    )
    sent = page.evaluate("Date.now()")
    crowd.change(lambda one: replace(one, failed=(Version(8), "the bucket answers 503")))
    told = page.evaluate("Date.now()")
    drawn = seen.evaluate("one => one.promise")
    expect(cell).to_have_class(re.compile("is-held-back"))
    expect(page.get_by_text("Not as desired")).to_be_visible()
    first = page.evaluate("performance.getEntriesByName('first-view')[0].startTime")
    bytes_loaded = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".reduce((sum, one) => sum + one.transferSize, 0)"
    )
    numbers = {
        "first_view_ms": round(first),
        "cell_after_change_ms": [round(drawn - sent), round(drawn - told)],
        "bytes": bytes_loaded,
    }
    NUMBERS.write_text(json.dumps(numbers))
    crowd.change(lambda one: replace(one, failed=None))
    expect(page.get_by_text("Everything is as desired")).to_be_visible()
