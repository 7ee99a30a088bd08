"""The dashboard's files: read once, served with headers under which a browser runs nothing but them.

The address of a script or a style holds a digest of all of them, so a browser keeps them for ever and takes none of
another release. The page itself is asked for each time, and is the same for every view: its address tells the view.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

FOLDER = Path(__file__).parent.parent / "dashboard"
PREFIX = "/dashboard/"
VIEWS = frozenset({"/", "/live", "/history"})
VIEW_PREFIXES = ("/models/", "/nodes/")
MEDIA_TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
MERGED = frozenset({".css", ".html"})  # of which no single file is served
STYLES = ("tokens", "page", "parts", "fleet", "matrix", "views", "live")  # in this order
NO_MODULES = frozenset({"theme.js", "signin.js"})  # runs before all others; is loaded where it is needed
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
KEPT = "public, max-age=31536000, immutable"
ASKED_AGAIN = "no-cache"
METHODS = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    body: bytes
    packed: bytes
    media_type: str
    etag: str


class Files:
    """All files of the dashboard, in memory."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in MEDIA_TYPES and path.suffix not in MERGED)
        self.files = {path.relative_to(folder).as_posix(): _file(path.read_bytes(), path.suffix) for path in paths}
        styles = b"".join((folder / "style" / f"{name}.css").read_bytes() for name in STYLES)
        self.files["style.css"] = _file(styles, ".css")
        self.digest = _digest(b"".join(file.etag.encode() for file in self.files.values()))
        self._template = (folder / "index.html").read_text(encoding="utf-8")
        self.pages = {view: self._page(view) for view in ("fleet", "live", "model", "node")}

    def _page(self, view: str) -> File:
        """Write the page of a view: the browser is told at once of all the scripts that it will ask for."""
        modules = [name for name in self.files if name.endswith(".js") and name not in NO_MODULES]
        needed = [name for name in modules if name.rpartition("/")[0] in {"", "base", view}]
        assets = PREFIX + self.digest
        links = "".join(f'<link rel="modulepreload" href="{assets}/{name}">\n' for name in needed)
        page = self._template.replace("<!-- modules -->\n", links).replace("{assets}", assets)
        return _file(page.encode(), ".html")


router = APIRouter(include_in_schema=False)


@cache
def files() -> Files:
    """Read them, once."""
    return Files(FOLDER)


def is_part(path: str) -> bool:
    """Tell whether a path is of the dashboard's own files, which hold no secret and need no token."""
    return path in VIEWS or path.startswith((PREFIX, *VIEW_PREFIXES))


@router.api_route("/", methods=METHODS)
async def get_fleet(request: Request) -> Response:
    """Serve the page, ready for the fleet."""
    return _serve(files().pages["fleet"], request, cached=ASKED_AGAIN)


@router.api_route("/live", methods=METHODS)
@router.api_route("/history", methods=METHODS)
async def get_live(request: Request) -> Response:
    """Serve the page, ready for events."""
    return _serve(files().pages["live"], request, cached=ASKED_AGAIN)


@router.api_route("/models/{name}", methods=METHODS)
async def get_model(request: Request) -> Response:
    """Serve the page, ready for a model."""
    return _serve(files().pages["model"], request, cached=ASKED_AGAIN)


@router.api_route("/nodes/{name}", methods=METHODS)
async def get_node(request: Request) -> Response:
    """Serve the page, ready for a node."""
    return _serve(files().pages["node"], request, cached=ASKED_AGAIN)


@router.api_route(PREFIX + "{digest}/{name:path}", methods=METHODS)
async def get_file(request: Request, digest: str, name: str) -> Response:
    """Serve a script, a style or a picture; one of another release is answered by today's, which is not kept."""
    file = files().files.get(name)
    if file is None:
        return Response(f"there is no {name[:200]!a}", status_code=404, media_type="text/plain")
    return _serve(file, request, cached=KEPT if digest == files().digest else ASKED_AGAIN)


def _serve(file: File, request: Request, *, cached: str) -> Response:
    etag = f'"{file.etag}"'
    headers = {**HEADERS, "ETag": f"W/{etag}", "Cache-Control": cached, "Vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)


def _file(body: bytes, suffix: str) -> File:
    return File(body, gzip.compress(body, mtime=0), MEDIA_TYPES[suffix], _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]
