"""What an operator does in the page happens on the nodes: an upload followed, a version rolled back."""

import re

from playwright.sync_api import expect

from infra.local.versions import FIRST, SECOND
from tests.ui.conftest import Open
from tests.ui.world import World, change, until


def test_an_upload_is_followed_live_until_every_node_serves_it(world: World, open_page: Open) -> None:
    """From a page that was open before the upload: notification, fetch, disk, available, served, on both nodes."""
    page = open_page(f"{world.url}/live?model=followed&version=1")
    expect(page.get_by_text("no node has seen it yet")).to_be_visible()
    world.upload("followed")
    upload = page.get_by_role("region", name="Upload")
    expect(upload.get_by_text(re.compile("served on 2 of 2 nodes"))).to_be_visible()
    for node in ("node-1", "node-2"):
        row = upload.get_by_role("listitem").filter(has_text=node)
        for step in ("heard", "fetching", "on disk", "available", "served"):
            expect(row.get_by_text(re.compile(f"✓ {step}"))).to_be_visible()
    events = page.get_by_role("list", name="Events, newest first")
    expect(events.get_by_text(re.compile("version 1 of followed is served|followed.* is served")).first).to_be_visible()


def test_a_button_that_is_pressed_while_the_page_changes_does_its_work(world: World, open_page: Open) -> None:
    """What is drawn anew between press and release waits for the release, and then is there."""
    world.serve("pressed", FIRST)
    page = open_page(f"{world.url}/models/pressed")
    page.get_by_role("button", name="Retention").hover()
    page.mouse.down()
    change(world, "pressed", {"kind": "pause"})
    expect(page.locator(".mark").get_by_text("paused")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_the_focus_stays_on_a_button_that_is_drawn_anew(world: World, open_page: Open) -> None:
    """Who came to a button by the keyboard need not come again because something else has changed."""
    world.serve("focused", FIRST)
    page = open_page(f"{world.url}/models/focused")
    page.get_by_role("button", name="Retention").focus()
    change(world, "focused", {"kind": "pause"})
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("button", name="Retention")).to_be_focused()


def test_a_rollback_from_the_page_changes_what_tensorflow_serving_answers(world: World, open_page: Open) -> None:
    """The dry run says what happens on which node and changes nothing; one more click does it, once."""
    world.serve("rolled", FIRST, SECOND)
    page = open_page(f"{world.url}/models/rolled")
    page.get_by_role("button", name="Roll back").click()
    asking = page.get_by_role("dialog")
    expect(asking.get_by_text("Serves version 1.")).to_be_visible()
    expect(asking.get_by_text("node-1, node-2")).to_be_visible()
    assert all(world.answers(node, "rolled", SECOND)() for node in world.stack.nodes)
    asking.get_by_role("button", name="Roll back").click()
    expect(asking).to_be_hidden()
    expect(page.get_by_text(re.compile("Done: .*pinned to version 1")).first).to_be_visible()
    for node in world.stack.nodes:
        until(f"{node.name} to answer version 1", world.answers(node, "rolled", FIRST))
    expect(page.get_by_text("pinned to 1", exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("node-1 serving .* 1 1"))).to_be_visible()
