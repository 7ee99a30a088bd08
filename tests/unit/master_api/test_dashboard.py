"""The dashboard's files: served to anybody, under a policy that lets nothing else run, and small."""

import gzip
import json
import re
from pathlib import Path

import pytest

from events import messages
from master.api import dashboard
from tests.support.master_api import ELSEWHERE, a_master, client
from tests.unit.master_api.test_session import GUARDED

DOCS = Path(__file__).parents[3] / "docs"
PAGES = ["/", "/live", "/history", "/models/wide-deep", "/nodes/node-1"]
MAX_PACKED_BYTES = 120 * 1024
MAX_LINES = 250
SOURCES = [path for path in dashboard.FOLDER.rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", PAGES)
async def test_every_view_has_the_page_and_needs_no_token_for_it(path: str) -> None:
    """A link to a view works before signing in: the page asks for the token itself."""
    answer = await client(a_master(GUARDED), host=ELSEWHERE).get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script>|<style|\son\w+=|style=", answer.text)


async def test_what_the_page_names_is_there_and_kept_for_ever() -> None:
    """Scripts and styles stand under an address that changes with them."""
    api = client(a_master(GUARDED), host=ELSEWHERE)
    named = re.findall(r'(?:href|src)="(/dashboard/[^"]+)"', (await api.get("/")).text)
    assert len(named) > 10
    for path in named:
        answer = await api.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_is_asked_for_each_time_and_sent_when_it_changed() -> None:
    """A release is seen at once, and costs a few bytes until then."""
    api = client(a_master())
    first = await api.get("/")
    again = await api.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert (await api.get("/", headers={"If-None-Match": '"older"'})).status_code == 200


async def test_scripts_of_another_release_are_answered_by_todays_and_not_kept() -> None:
    """While masters are updated one after the other, a page may come from one and its scripts from another."""
    answer = await client(a_master()).get("/dashboard/of-another-release/main.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["index.html", "style/page.css", "../api/gate.py", "base/types.d.ts", "nothing.js"])
async def test_nothing_but_the_dashboards_files_is_served(path: str) -> None:
    """Files are looked up by name among those read at the start; no path leads out."""
    answer = await client(a_master()).get(f"/dashboard/{dashboard.files().digest}/{path.replace('..', '%2e%2e')}")
    assert answer.status_code == 404


async def test_answers_are_packed_where_the_browser_takes_it() -> None:
    """Files are packed once, large answers as they are given."""
    api = client(a_master())
    files = dashboard.files()
    answer = await api.get(f"/dashboard/{files.digest}/main.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    plain = await api.get(f"/dashboard/{files.digest}/main.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert answer.content == plain.content


def test_all_of_it_is_small() -> None:
    """Every file of every view together, packed, stays below the promised 120 KB."""
    files = dashboard.files()
    assert sum(len(file.packed) for file in files.files.values()) + len(files.pages["fleet"].packed) < MAX_PACKED_BYTES
    assert gzip.decompress(files.files["main.js"].packed) == files.files["main.js"].body


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_file_can_be_read_at_one_sitting_and_names_no_other_host(path: Path) -> None:
    """The bounds of the Python code hold here, too; an SVG's namespace is a name, not an address."""
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert len(text.splitlines()) <= MAX_LINES
    assert "://" not in text.replace("gs://", "")


def test_the_types_of_the_scripts_are_those_of_the_api() -> None:
    """Each field that a script may read is in the OpenAPI document."""
    schemas = json.loads((DOCS / "openapi.json").read_text())["components"]["schemas"]
    files = ("types.d.ts", "history.d.ts")
    text = "\n".join((dashboard.FOLDER / "base" / name).read_text() for name in files)
    generic = {"Page": "Page_ModelRow_", "MatrixPart": "Matrix"}
    found = re.findall(r"export interface (\w+)(?:<T>)?(?: extends (\w+))? \{\n(.*?)\n\}", text, re.DOTALL)
    assert len(found) > 20
    for name, _, body in found:
        schema = schemas[generic.get(name, name)]
        fields = set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))
        assert fields <= set(schema["properties"]), name


def test_every_kind_of_event_can_be_chosen() -> None:
    """The list of the live view is that of events/messages.py."""
    text = (dashboard.FOLDER / "live" / "filters.js").read_text()
    assert re.findall(r'^  "([a-z_]+\.[a-z_]+)",$', text, re.MULTILINE) == [event.type for event in messages.ALL]
