"""Every view, dark and light, wide and on a phone: nothing axe finds fault with, nothing that runs out of the window.

The pictures of the README and docs/dashboard.md are copies of those written here.
"""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from infra.local.versions import CORRUPT, FIRST, SECOND
from tests.ui.conftest import PICTURES, Open
from tests.ui.world import World, change, until

VIEWS: dict[str, tuple[str, str]] = {
    "fleet": ("/", "Not as desired"),
    "model": ("/models/ranker", "From upload to answer"),
    "node": ("/nodes/node-1", "B used by models"),
    "live": ("/live?model=ranker&version=2", "served on 2 of 2 nodes"),
    "history": ("/history", "pinned to version"),
}
RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


@pytest.fixture(scope="module")
def lively(world: World) -> World:
    """Models in several states, and a history of changes."""
    for model in ("ranker", "recall", "spelling"):
        world.serve(model, FIRST, SECOND)
    world.upload("recall", CORRUPT)
    change(world, "ranker", {"kind": "label", "label": "stable", "version": 1})
    change(world, "ranker", {"kind": "pin", "versions": [2]})
    change(world, "spelling", {"kind": "pause"})
    for node in world.stack.nodes:
        until(f"{node.name} to hold back", partial(is_held_back, world, node.name))
    return world


def is_held_back(world: World, node: str) -> bool:
    return world.cell("recall", node) == "held back"


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_readable_by_everybody(lively: World, open_page: Open, axe: str, view: str, scheme: str) -> None:
    """Axe finds no fault: contrast, names, roles, order; at 1280 px nothing has to be scrolled sideways."""
    page = show(lively, open_page, view, scheme=scheme)
    page.screenshot(path=PICTURES / f"{view}-{scheme}.png")
    check(page, axe)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_fits_a_phone(lively: World, open_page: Open, view: str) -> None:
    """At 390 px the page itself is not wider than the window; wide tables are scrolled in their own place."""
    page = show(lively, open_page, view, width=390, height=780)
    page.screenshot(path=PICTURES / f"{view}-phone.png")
    check_width(page)


def test_the_question_before_a_change_is_readable_by_everybody(lively: World, open_page: Open, axe: str) -> None:
    """The dialog has the focus, a name, and says what will happen."""
    page = show(lively, open_page, "model")
    page.get_by_role("button", name="Roll back").click()
    expect(
        page.get_by_role("dialog", name="Roll back: ranker").get_by_text("Unloads version 2 once version 1 is served.")
    ).to_be_visible()
    page.screenshot(path=PICTURES / "question-dark.png")
    check(page, axe)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def show(world: World, open_page: Callable[..., Page], view: str, **how: object) -> Page:
    path, words = VIEWS[view]
    page = open_page(f"{world.url}{path}", **how)
    expect(page.get_by_text(words).first).to_be_visible()
    if view == "fleet":
        expect(page.locator(".cell.is-held-back").first).to_be_visible()
    expect(page.locator(".cell.is-unknown")).to_have_count(0)
    return page


def check(page: Page, axe: str) -> None:
    page.evaluate(axe)
    faults = [f"{fault['id']}: {fault['nodes'][0]['html'][:300]}" for fault in page.evaluate(RUN_AXE)]
    assert not faults, "\n".join(faults)
    check_width(page)


def check_width(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than its window"
