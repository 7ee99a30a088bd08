"""TLS to TensorFlow Serving: what the node believes and shows, and why no secure connection comes about.

gRPC tells of a failed handshake in words that often lack the cause: a server that wants a client certificate just
closes the connection. So a handshake of our own finds it.
"""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from configurator.serving.address import UNIX
from events.wording import of_library

SECONDS: Final = 2.0  # for each step of a handshake; TensorFlow Serving is on this host
LOCAL: Final = "localhost"  # the name that is expected behind a Unix socket
NO_PASSWORD: Final = b""  # a key that needs one is refused, not asked for at the terminal
NEEDS_CLIENT: Final = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
REFUSES_CLIENT: Final = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of one connection; `name` is what the server's certificate is held against, empty for its address."""

    ca_file: Path
    cert_file: Path | None = None
    key_file: Path | None = None
    name: str = ""

    def expects(self, address: str) -> str:
        """Name what the server's certificate must be for."""
        return self.name or host(address)

    def context(self) -> ssl.SSLContext:
        """Make a client's context. Raises `OSError`, of which `ssl.SSLError` is one."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file, password=NO_PASSWORD)
        context.set_alpn_protocols(["h2"])
        return context


def check_pair(cert_file: Path, key_file: Path) -> None:
    """Raise `ValueError` where a certificate and a key cannot be read, or do not belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert_file, key_file, password=NO_PASSWORD)
    except OSError as error:
        words = error.strerror or of_library(error)
        raise ValueError(f"{cert_file} and {key_file} are no certificate and its key in PEM form: {words}") from error


def find_cause(address: str, tls: Tls | None) -> str:
    """Say why no connection comes about though somebody listens; empty where that is not the cause. Blocking."""
    try:
        with _connect(address) as raw:
            return _of_secure(raw, address, tls) if tls else _of_plain(raw)
    except OSError:
        return ""  # nobody listens, or it is too slow: gRPC's own words say that


def _of_secure(raw: socket.socket, address: str, tls: Tls) -> str:
    try:
        with tls.context().wrap_socket(raw, server_hostname=tls.expects(address)) as secured:
            return "" if secured.recv(1) else _closed(tls)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not believed: {error.verify_message} (MM_SERVING_CA_FILE, MM_SERVING_NAME)"
    except ssl.SSLError as error:
        return _of_alert(error, tls)
    except (ConnectionError, TimeoutError) as error:
        return _closed(tls) if isinstance(error, ConnectionError) else ""


def _of_alert(error: ssl.SSLError, tls: Tls) -> str:
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return "it does not speak TLS; start it with --ssl_config_file, or unset MM_SERVING_CA_FILE"
    if tls.cert_file is None and reason.endswith(NEEDS_CLIENT):
        return "it wants a client certificate, and none is set (MM_SERVING_CERT_FILE, MM_SERVING_KEY_FILE)"
    if tls.cert_file and reason.endswith(REFUSES_CLIENT):
        return f"it does not believe the client certificate {tls.cert_file}: {of_library(error)}"
    return f"the handshake fails: {of_library(error)}"


def _closed(tls: Tls) -> str:
    if tls.cert_file is None:
        return (
            "it closes the connection after the handshake, as it does where it wants a client certificate"
            " (MM_SERVING_CERT_FILE, MM_SERVING_KEY_FILE)"
        )
    return f"it closes the connection after the handshake, as it does where it does not believe {tls.cert_file}"


def _of_plain(raw: socket.socket) -> str:
    """Find out by a handshake that believes anything whether the server speaks TLS; nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with contextlib.suppress(OSError), context.wrap_socket(raw):
        return "it speaks TLS; set MM_SERVING_CA_FILE to the certificate that its own is signed by"
    return ""


@contextlib.contextmanager
def _connect(address: str) -> Iterator[socket.socket]:
    if address.startswith(UNIX):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(SECONDS)
            raw.connect(address.removeprefix(UNIX))
            yield raw
        return
    with socket.create_connection((host(address), int(address.rpartition(":")[2])), SECONDS) as raw:
        yield raw


def host(address: str) -> str:
    """Return the host of an address; behind a Unix socket it is this one."""
    return LOCAL if address.startswith(UNIX) else address.rpartition(":")[0].strip("[]")
