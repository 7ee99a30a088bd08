"""When something is away the page says so, since when, and goes on by itself."""

import re

from playwright.sync_api import expect

from infra.local.versions import FIRST
from tests.ui.conftest import PICTURES, Open
from tests.ui.world import World

SILENCE_MS = 150_000  # until a connection that is open and silent counts as lost


def test_a_lost_node_is_shown_with_the_reason_and_comes_back(world: World, open_page: Open) -> None:
    """Its column and its cells say lost, the sentence on top names it; all without touching the page."""
    world.serve("silent", FIRST)
    node = world.stack.nodes[1]
    page = open_page(f"{world.url}/?model=silent")
    cell = page.get_by_role("gridcell", name=re.compile("silent on node-2"))
    expect(cell).to_have_class(re.compile("is-serving"))
    for child in (node.puller, node.configurator):
        child.kill()
    expect(cell).to_have_class(re.compile("is-lost"))
    expect(page.get_by_role("listitem").filter(has_text=re.compile("Node node-2 is lost"))).to_be_visible()
    page.screenshot(path=PICTURES / "lost-dark.png")
    cell.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("nothing is heard of what node-2 serves")
    for child in (node.puller, node.configurator):
        child.start()
    expect(cell).to_have_class(re.compile("is-serving"))
    expect(page.get_by_text(re.compile("Node node-2 is lost"))).to_have_count(0)


def test_the_page_goes_on_after_the_master_was_restarted(world: World, open_page: Open) -> None:
    """Meanwhile it shows the last known and says since when; afterwards it is current again."""
    master = world.start_master()
    try:
        page = open_page(f"{master.url}/")
        expect(page.get_by_role("grid")).to_be_visible()
        master.child.stop()
        expect(page.get_by_text(re.compile("Stale since"))).to_be_visible()
        expect(page.get_by_role("grid")).to_be_visible()
        page.screenshot(path=PICTURES / "stale-dark.png")
        world.serve("restarted", FIRST)
        master.child.start()
        expect(page.get_by_text(re.compile("Stale since"))).to_be_hidden()
        expect(page.get_by_role("gridcell", name=re.compile("restarted on node-1"))).to_have_class(
            re.compile("is-serving")
        )
    finally:
        world.stack.supervisor.stop(master.child)


def test_the_page_says_when_the_master_does_not_hear_the_nodes(world: World, open_page: Open) -> None:
    """NATS is away: what is seen is the last known, and is current again when NATS is back."""
    page = open_page(f"{world.url}/")
    expect(page.get_by_role("grid")).to_be_visible()
    world.stack.nats.pause()
    try:
        expect(page.get_by_text(re.compile("Stale since"))).to_be_visible(timeout=SILENCE_MS)
    finally:
        world.stack.nats.resume()
    expect(page.get_by_text(re.compile("Stale since"))).to_be_hidden()
