"""Signing in, what each role may do, and where the token is: in no address, no storage and no script's reach."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from infra.local.versions import FIRST
from tests.ui.conftest import PICTURES, Open
from tests.ui.world import MasterServer, World, tokens

SEEN_BY_SCRIPTS = "JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}])"


@pytest.fixture(scope="module")
def guarded(world: World) -> Iterator[MasterServer]:
    """A master that asks for a token, over the stack's nodes."""
    world.serve("guarded", FIRST)
    master = world.start_master(tokens())
    yield master
    world.stack.supervisor.stop(master.child)


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_token_is_refused_and_a_right_one_is_kept_out_of_reach(guarded: MasterServer, open_page: Open) -> None:
    """The refusal says so; afterwards no script finds the token anywhere, and a reload needs it no more."""
    page = open_page(f"{guarded.url}/models/guarded")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.screenshot(path=PICTURES / "signin-dark.png")
    sign_in(page, "wrong-token")
    expect(page.get_by_role("alert")).to_contain_text("the token is not known")
    sign_in(page, "operator")
    expect(page.get_by_role("heading", name="guarded")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="guarded")).to_be_visible()
    assert "operator" not in page.evaluate(SEEN_BY_SCRIPTS)
    (cookie,) = page.context.cookies(f"{guarded.url}/dashboard/v1/session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/dashboard")
    assert not page.context.cookies(guarded.url + "/")


def test_signing_out_ends_the_session(guarded: MasterServer, open_page: Open) -> None:
    """What was shown is gone, and the cookie, too."""
    page = open_page(guarded.url)
    sign_in(page, "viewer")
    expect(page.get_by_role("row").filter(has_text="guarded")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not page.context.cookies(f"{guarded.url}/dashboard/v1/session")
    assert page.get_by_role("grid").count() == 0


def test_a_viewer_sees_all_and_is_offered_nothing_to_change(guarded: MasterServer, open_page: Open) -> None:
    """No button of a change; the API would refuse it, too."""
    page = open_page(f"{guarded.url}/models/guarded")
    sign_in(page, "viewer")
    expect(page.get_by_text("changes need the role operator")).to_be_visible()
    assert page.get_by_role("button", name="Roll back").count() == 0
    assert page.get_by_role("button", name="Pin").count() == 0
    asked = "method: 'POST', headers: {'Content-Type': 'application/json'}, body: b"
    sent = f"fetch('/dashboard/v1/models/guarded/changes', {{{asked}}})"
    status = page.evaluate(f"b => {sent}.then(answer => answer.status)", '{"change": {"kind": "pause"}}')
    assert status == 403


def test_an_operator_changes_with_the_session(guarded: MasterServer, open_page: Open) -> None:
    """The dry run is asked for and confirmed; the history names whose token it was."""
    page = open_page(f"{guarded.url}/models/guarded")
    sign_in(page, "operator")
    page.get_by_role("button", name="Pause").click()
    asking = page.get_by_role("dialog")
    expect(asking.get_by_text("Stays as it is").first).to_be_visible()
    asking.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("row").filter(has_text="operator-1").filter(has_text="guarded")).to_be_visible()
