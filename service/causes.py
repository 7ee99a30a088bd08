"""Why something on the network did not answer: the real cause, out of what client libraries wrap it in. Pure.

requests nests it in brackets, gRPC puts it behind "failed to connect to all addresses", google-api-core says that a
time was exceeded.
"""

import re
from collections.abc import Iterator
from typing import Final

from events.wording import of_library

MAX_DEPTH: Final = 8  # of errors that are each other's cause
MAX_TEXT: Final = 20_000  # that is searched
HOST: Final = re.compile(r"host='([\w.-]{1,253})'|https?://([\w.-]{1,253})|\b(ipv[46]:\S{1,60}?)[:;]? ")
PROXY_REFUSED: Final = re.compile(r"Tunnel connection failed: ([^'\")]{1,80})|HTTP proxy returned response code (\d+)")
CERTIFICATE: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED[]:]* (?:certificate verify failed: )?([\w -]{1,80})")
NOBODY_PAYS: Final = re.compile(r"requester pays bucket but no user project", re.IGNORECASE)
OTHERS: Final = {
    "the connection was refused": re.compile(r"connection refused|ConnectionRefused", re.IGNORECASE),
    "the name of the host is not known": re.compile(
        r"name or service not known|failed to lookup address|name resolution|nodename nor servname|getaddrinfo"
        r"|DNS resolution failed|DNS query",
        re.IGNORECASE,
    ),
    "there is no way to the network": re.compile(r"network is unreachable|no route to host", re.IGNORECASE),
    "it did not answer in time": re.compile(r"timed out|TimedOut|timeout|deadline exceeded", re.IGNORECASE),
    "the connection broke": re.compile(
        r"connection reset|ConnectionReset|broken pipe|connection aborted", re.IGNORECASE
    ),
}


def cause(error: BaseException) -> str:
    """Say what went wrong, with what can be done where that is known; else quote the error."""
    if hasattr(getattr(error, "response", None), "status_code"):  # somebody answered, and said why
        said = of_library(getattr(error, "message", "") or error)
        return f"{said}: name the project that pays in MM_BILLING_PROJECT" if NOBODY_PAYS.search(said) else said
    texts = [str(one)[:MAX_TEXT] for one in _chain(error)]
    text = "\n".join(texts)
    if found := CERTIFICATE.search(text):
        detail = _first(found) or "not verified"
        sentence = (
            f"the certificate is by no CA that is trusted here ({detail.strip()}): name the CA's file in MM_CA_FILE"
        )
        return f"{_host(text)}{sentence}"
    if found := PROXY_REFUSED.search(text):
        sentence = f"the proxy refused the connection ({_first(found) or found[0]}): see its rules, and MM_PROXY"
        return f"{_host(text)}{sentence}"
    for words, pattern in OTHERS.items():
        if pattern.search(text):
            return f"{_host(text)}{words}{_through(text)}"
    return of_library(texts[-1] or type(error).__name__)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it came from, wherever a library keeps that; no error twice."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < MAX_DEPTH:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [getattr(one, name, None) for name in ("cause", "reason", "__cause__", "__context__")]
            waiting += one.args
    yield from reversed(seen)


def _host(text: str) -> str:
    found = HOST.search(text)
    return f"{_first(found)}: " if found else ""


def _through(text: str) -> str:
    return " (at the proxy)" if "ProxyError" in text or "proxy handshake" in text else ""


def _first(found: re.Match[str]) -> str:
    return next((group for group in found.groups() if group), "")
