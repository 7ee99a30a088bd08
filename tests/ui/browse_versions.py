"""Versions above 2^53 are shown and changed digit for digit, on every page and by every button."""

import re
from functools import partial

import pytest
from playwright.sync_api import Page, Request, expect

from events.names import ModelName, Version
from infra.local.upload import Upload
from infra.local.versions import CORRUPT, FIRST, HALF, write_half
from tests.ui.conftest import Open
from tests.ui.world import World, change, until

MODEL = "dated"
OLDER, NEWER = Version(20240101123456788), Version(20240101123456789)  # one number to a script that rounds
BROKEN, PARTIAL = Version(20240101123456791), Version(20240101123456793)
ROUNDED = re.compile("2024010112345679[02]")  # what a script that rounds makes of the last two


@pytest.fixture(scope="module")
def dated(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A model with two versions that were served, one that is refused, and half of one."""
    made = tmp_path_factory.mktemp("dated")
    for version in (OLDER, NEWER):
        upload(world, version).send(world.folder / str(FIRST))
        for node in world.stack.nodes:
            until(f"{node.name} to serve {version}", world.serves_only(node.name, MODEL, version))
    change(world, MODEL, {"kind": "label", "label": "stable", "version": NEWER})
    change(world, MODEL, {"kind": "pin", "versions": [NEWER]})
    write_half(world.folder / str(FIRST), made / str(HALF))
    upload(world, PARTIAL).send(made / str(HALF), with_manifest=False)
    return world


def upload(world: World, version: Version) -> Upload:
    return Upload(world.stack.bucket, prefix="", model=ModelName(MODEL), version=version)


@pytest.mark.parametrize(
    "path",
    ["/", f"/models/{MODEL}", "/nodes/node-1", f"/live?model={MODEL}&version={NEWER}", f"/history?model={MODEL}"],
)
def test_every_page_shows_the_version_that_is_meant(dated: World, open_page: Open, path: str) -> None:
    """Cells, tables, charts, sentences: the last digit is the right one."""
    page = open_page(f"{dated.url}{path}")
    expect(page.get_by_text(re.compile(str(NEWER))).first).to_be_visible()
    assert not ROUNDED.search(page.locator("body").inner_text())


def test_a_cell_tells_the_version_that_is_served(dated: World, open_page: Open) -> None:
    """In its label, for who does not see the page, and in its card."""
    page = open_page(f"{dated.url}/?model={MODEL}")
    cell = page.get_by_label(re.compile(rf"{MODEL} on node-1: \w+, serving {NEWER}"))
    expect(cell).to_be_visible()
    cell.hover()
    expect(page.get_by_text(f"serving {NEWER}, desired {NEWER}")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "version"),
    [("Pin", OLDER), ("Pin", NEWER), ("Remove", OLDER), ("Keep ready", PARTIAL)],
)
def test_a_button_of_a_version_means_that_version(dated: World, open_page: Open, button: str, version: Version) -> None:
    """What the browser sends and what the dry run answers have the same digits."""
    page = open_page(f"{dated.url}/models/{MODEL}")
    row = page.locator(".versions").get_by_role("row").filter(has=page.get_by_role("link", name=str(version)))
    with page.expect_request(is_change) as asked:
        row.get_by_role("button", name=button, exact=True).click()
    assert re.search(rf"[:\[]{version}[\],}}]", asked.value.post_data or "")
    expect(page.get_by_role("dialog").get_by_text(re.compile(str(version))).first).to_be_visible()


@pytest.mark.parametrize("button", ["Roll back", "Label"])
def test_a_choice_of_versions_means_the_chosen_one(dated: World, open_page: Open, button: str) -> None:
    """Both neighbours can be chosen, and each is sent as itself."""
    page = open_page(f"{dated.url}/models/{MODEL}")
    page.get_by_role("button", name=button, exact=True).click()
    asking = page.get_by_role("dialog")
    if button == "Label":
        asking.get_by_label("Label", exact=True).fill("canary")
    for version in (NEWER, OLDER):
        with page.expect_request(partial(names, str(version))):
            asking.get_by_label("Version").select_option(str(version))


def test_a_retry_means_the_refused_version(dated: World, open_page: Open) -> None:
    """A version that TensorFlow Serving refused is tried again by its own number."""
    upload(dated, BROKEN).send(dated.folder / str(CORRUPT))
    change(dated, MODEL, {"kind": "pin", "versions": [BROKEN]})
    for node in dated.stack.nodes:
        until(f"{node.name} to hold back", partial(lambda name: dated.cell(MODEL, name) == "held back", node.name))
    page = open_page(f"{dated.url}/models/{MODEL}")
    row = page.locator(".versions").get_by_role("row").filter(has=page.get_by_role("link", name=str(BROKEN)))
    with page.expect_request(is_change) as asked:
        row.get_by_role("button", name="Retry").click()
    assert f'"version":{BROKEN}' in (asked.value.post_data or "")


def test_a_pin_from_the_page_pins_the_version_that_was_clicked(dated: World, open_page: Open) -> None:
    """To the end: the nodes serve it, the page shows it, the API has it in its document."""
    change(dated, MODEL, {"kind": "label", "label": "stable", "version": None})  # which would hold the newer one
    change(dated, MODEL, {"kind": "pin", "versions": [NEWER]})
    for node in dated.stack.nodes:
        until(f"{node.name} to serve {NEWER}", dated.serves_only(node.name, MODEL, NEWER))
    page = open_page(f"{dated.url}/models/{MODEL}")
    pin(page, OLDER)
    for node in dated.stack.nodes:
        until(f"{node.name} to serve {OLDER}", dated.serves_only(node.name, MODEL, OLDER))
    expect(page.get_by_text(f"pinned to {OLDER}", exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(f"node-1 .* {OLDER} {OLDER}"))).to_be_visible()
    assert f'"versions":[{OLDER}]' in dated.ask("GET", f"/v1/models/{MODEL}")


def pin(page: Page, version: Version) -> None:
    row = page.locator(".versions").get_by_role("row").filter(has=page.get_by_role("link", name=str(version)))
    row.get_by_role("button", name="Pin", exact=True).click()
    asking = page.get_by_role("dialog")
    expect(asking.get_by_text(re.compile(f"Serves version {version}")).first).to_be_visible()
    asking.get_by_role("button", name=f"Pin version {version}").click()
    expect(asking).to_be_hidden()


def names(version: str, request: Request) -> bool:
    return is_change(request) and version in (request.post_data or "")


def is_change(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/changes")
