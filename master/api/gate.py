"""What every request passes before a route sees it: who asks, how often, how much; and the headers of every answer.

Everything needs a token but the pages that say how the master itself is. A body is read here, whole, so that its
bounds hold whether or not it says its length.
"""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.commands import MAX_REQUEST_BYTES
from master.api import dashboard, problems, session
from master.api.auth import LOCAL, Caller, Tokens, is_local
from master.api.limits import Rate
from master.api.origin import SAFE, is_own
from master.api.problems import Kind, Problem
from master.api.proxies import Proxies, forwarding
from service import logs, metrics

log = logs.get("master.api.gate")

OPEN = frozenset({"/livez", "/readyz", "/status", "/metrics", "/openapi.json"})
BODY_SECONDS = 10.0
NO_PROXIES = Proxies()
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


class Gate:
    """ASGI middleware. The caller it found is `request.state.caller`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        rate: Rate,
        proxies: Proxies = NO_PROXIES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._rate = rate
        self._proxies = proxies
        self._has_warned = False
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what stands against it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._monotonic()
        noted = _Noting(send)
        self._warn_of_proxy(scope)
        scope = session.inside(self._proxies.seen(scope))
        request = Request(scope, receive)
        try:
            if _is_sign_in(request):
                self._rate.take(_client(request), self._monotonic())
                receive = await _read(request)
            elif request.url.path not in OPEN and not dashboard.is_part(request.url.path):
                scope.setdefault("state", {})["caller"] = self._admit(request)
                receive = await _read(request)
        except Problem as problem:
            await problems.answer(problem, request)(scope, receive, noted)
        else:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            metrics.API_REQUESTS.labels(route=route, status=noted.status).inc()
            metrics.API_SECONDS.labels(route=route).observe(self._monotonic() - started)

    def _warn_of_proxy(self, scope: Scope) -> None:
        """Say once that clients of a proxy share one limit, because nobody has named it."""
        request = Request(scope)
        if self._has_warned or not self._tokens or not (name := forwarding(request.headers)):
            return
        if not self._proxies.trusts(peer := request.client.host if request.client else ""):
            self._has_warned = True
            words = "requests come through a proxy that is not in MM_TRUSTED_PROXIES; all its clients count as one"
            log.warning(words, address=peer, header=name)

    def _admit(self, request: Request) -> Caller:
        try:
            caller = self._identify(request)
        except Problem:
            self._rate.take(_client(request), self._monotonic())  # guessing has a bound, too
            raise
        self._rate.take(f"token {caller.name}", self._monotonic())
        return caller

    def _identify(self, request: Request) -> Caller:
        if not self._tokens:
            return _identify_local(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not token and (kept := session.kept(request)):
            return self._identify_browser(request, kept)
        if not token:
            raise _unknown("send a token: `Authorization: Bearer …`", "")
        caller = self._tokens.find(token.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise _unknown("the token is not known", ', error="invalid_token"')
        return caller

    def _identify_browser(self, request: Request, token: str) -> Caller:
        """Find whose session it is; what it changes must come from the dashboard itself."""
        caller = self._tokens.find(token)
        if caller is None:
            raise _unknown("the session is over; sign in again", "")
        if request.method not in SAFE and not is_own(request):
            raise Problem(Kind.NOT_ALLOWED, "a page from elsewhere may not use a session", needs="a token")
        return caller


def _is_sign_in(request: Request) -> bool:
    """Tell whether it signs in or out, for which nobody needs to be known yet."""
    return request.url.path == session.PATH and request.method in {"POST", "DELETE"}


def _client(request: Request) -> str:
    return f"address {request.client.host if request.client else 'unknown'}"


def _identify_local(request: Request) -> Caller:
    """Take who asks from this host for its admin, unless a page from elsewhere has a browser do it, or a proxy."""
    if name := forwarding(request.headers):
        raise _unknown(f"a proxy has passed this on ({name}), and no token is configured (MM_TOKENS)", "")
    if not is_local(request.client.host if request.client else "", request.headers.get("host", "")):
        words = "no token is configured (MM_TOKENS, MM_TOKENS_FILE), so only requests from this host are answered"
        raise _unknown(words, "")
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(Kind.NOT_ALLOWED, "a page from elsewhere may not use this host's rights", needs="a token")
    return LOCAL


def _unknown(detail: str, reason: str) -> Problem:
    challenge = {"WWW-Authenticate": f'Bearer realm="model.manager"{reason}'}
    return Problem(Kind.NOT_SIGNED_IN, detail, headers=challenge)


async def _read(request: Request) -> Receive:
    """Read the body, and return a channel that gives it again."""
    too_large = Problem(
        Kind.TOO_LARGE, f"the body has more than {MAX_REQUEST_BYTES} bytes", headers={"Connection": "close"}
    )
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > MAX_REQUEST_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await request.receive()
                body += message.get("body", b"")
                if len(body) > MAX_REQUEST_BYTES:
                    raise too_large
                if not message.get("more_body", False):
                    return _again(bytes(body), request.receive)
    except TimeoutError as error:
        words = f"the body was not complete within {BODY_SECONDS:g} s"
        raise Problem(Kind.BODY_LATE, words, headers={"Connection": "close"}) from error


def _again(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


class _Noting:
    """Sends, puts in the headers that every answer has, and notes the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
