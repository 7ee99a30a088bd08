"""Whether a browser asks of its own page's accord: what stands between a cookie and a page from elsewhere.

A cookie comes with every request to this host, whichever page made the browser send it. Browsers say which page it was
in `Sec-Fetch-Site`, and in `Origin` where they are older; neither can be set by a page.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

SAFE = frozenset({"GET", "HEAD"})


def is_own(request: Request) -> bool:
    """Tell whether the request comes from a page of this very master; what says nothing does not."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")
