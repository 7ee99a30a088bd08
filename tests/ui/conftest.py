"""What every test of the dashboard gets: one real stack for all, one Chromium for all, a window of its own for each.

A page that writes an error to its console, breaks its own security policy or asks another host for anything fails its
test. Pictures go to build/ui.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local.child import ROOT
from infra.local.node import Loader
from infra.local.parts import PubSubKind
from infra.local.stack import Stack, StackOptions
from tests.ui.world import World

PICTURES = ROOT / "build" / "ui"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EXPECT_MS = 60_000
EXPECTED_ERRORS = (
    "401",
    "403",
    "404",
    "422",
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED",
    "ERR_CONNECTION_RESET",
    "503",
)
# Chromium drops its connections when a network appears or goes on this host, as when containers start beside the tests.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
GOINGS = 5

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack with two nodes, and a master without tokens."""
    options = StackOptions(pubsub=PubSubKind.EMBEDDED, loader=Loader.SCRIPTED, nodes=("node-1", "node-2"), master=True)
    with Stack(options) as stack:
        yield World(stack, tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that MM_BROWSER names."""
    names = (os.environ.get("MM_BROWSER", "chromium"), "google-chrome", "chromium-browser")
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found, "no Chromium is installed; `make ui-test` installs it, or say where it is in MM_BROWSER"
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=EXPECT_MS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open an address in a window: `open_page(url, scheme="light", width=390)`."""
    wrong: list[str] = []
    contexts = []

    def open_one(url: str, *, scheme: str = "dark", width: int = 1280, height: int = 800) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="light" if scheme == "light" else "dark",
            timezone_id="Europe/Berlin",
            locale="en-GB",
        )
        contexts.append(context)
        context.set_default_timeout(EXPECT_MS)
        page = context.new_page()
        host = urlsplit(url).netloc

        changes: list[str] = []

        def heard(words: str) -> None:
            if NETWORK_CHANGED in words:
                changes.append(words)
            elif not any(expected in words for expected in EXPECTED_ERRORS):
                wrong.append(words)

        page.on("console", lambda message: heard(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda one: None if urlsplit(one.url).netloc == host else wrong.append(f"asked {one.url}"))
        for _ in range(GOINGS):
            changes.clear()
            page.goto(url)
            if not changes:
                break
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's script; only tests have it."""
    return (Path(ROOT) / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
