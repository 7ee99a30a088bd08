"""The real cause of a failed connection is told, whichever library wraps it; what a server answered is quoted."""

import socket
import ssl
from collections.abc import Callable

import pytest
import requests
from google.api_core.exceptions import Forbidden, RetryError, ServiceUnavailable
from google.auth.exceptions import TransportError

from service.causes import cause

RETRY: Callable[[str, Exception], Exception] = RetryError
REFUSED: Callable[..., Exception] = Forbidden
SECRET = "pa55"
POOL = "HTTPSConnectionPool(host='sts.googleapis.com', port=443): Max retries exceeded with url: /v1/token (Caused by "
VERIFY = (
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)"
)
GRPC = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:3128: "


def told(kind: Callable[..., Exception], words: object) -> Exception:
    """An error of Google's libraries, whose classes are not typed."""
    return kind(words)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            told(
                TransportError,
                requests.exceptions.SSLError(f"{POOL}SSLError(SSLCertVerificationError(1, '{VERIFY}')))"),
            ),
            "sts.googleapis.com: the certificate is by no CA that is trusted here (unable to get local issuer certi",
        ),
        (ssl.SSLCertVerificationError(1, VERIFY), "the certificate is by no CA that is trusted here (unable to get"),
        (
            told(
                ServiceUnavailable,
                f"{GRPC}Tls handshake failed: CERTIFICATE_VERIFY_FAILED: unable to get local issuer cert",
            ),
            "ipv4:10.0.0.1:3128: the certificate is by no CA that is trusted here (unable to get local issuer",
        ),
        (
            requests.exceptions.ProxyError(f"{POOL}ProxyError('x', OSError('Tunnel connection failed: 407 Wanted')))"),
            "sts.googleapis.com: the proxy refused the connection (407 Wanted): see its rules, and MM_PROXY",
        ),
        (
            told(ServiceUnavailable, f"{GRPC}HTTP proxy returned response code 403"),
            "the proxy refused the connection (403)",
        ),
        (told(ServiceUnavailable, f"{GRPC}Failed to connect: Connection refused"), "the connection was refused"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection was refused"),
        (socket.gaierror(-2, "Name or service not known"), "the name of the host is not known"),
        (OSError(101, "Network is unreachable"), "there is no way to the network"),
        (TimeoutError("timed out"), "it did not answer in time"),
        (ConnectionResetError(104, "Connection reset by peer"), "the connection broke"),
    ],
)
def test_a_cause_is_told_in_words(error: Exception, words: str) -> None:
    """With the host, and with the setting that mends it, where there is one."""
    assert words in cause(error)


def test_a_time_that_was_over_is_no_cause() -> None:
    """What was tried until then is: google-api-core keeps it beside its own words."""
    inner = requests.exceptions.ConnectionError(f"{POOL}NewConnectionError('[Errno 111] Connection refused'))")
    assert cause(RETRY("Timeout of 8.0s exceeded", inner)) == "sts.googleapis.com: the connection was refused"


def test_what_a_server_answered_is_quoted() -> None:
    """It knows better than any pattern, even where its words sound like a time-out."""
    answer = requests.Response()
    answer.status_code = 403
    error = REFUSED("no access; the last timeout was longer", response=answer)
    assert cause(error) == "no access; the last timeout was longer"


def test_what_nobody_knows_is_quoted_in_one_line() -> None:
    """Without what may be secret in an address."""
    assert cause(ValueError(f"cannot read https://me:{SECRET}@host/x?sig=abc\nand")) == "cannot read https://host/x"
