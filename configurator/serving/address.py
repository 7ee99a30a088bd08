"""Where TensorFlow Serving answers gRPC: host:port, or the path of a Unix socket. Checked once, at the start. Pure."""

import re
from typing import Final

from events.wording import in_one_line

UNIX: Final = "unix:"
MOST_LETTERS: Final = 200
MOST_PATH: Final = 107  # of a Unix socket: Linux keeps it in 108 bytes, of which the last is zero
LAST_PORT: Final = 65535
WANTED: Final = "give host:port of its gRPC, as in 127.0.0.1:8500, or unix:/path of its socket"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,15})?\]")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9._+,=@~-]+)+", re.ASCII)  # what gRPC takes as it stands


def check(address: str) -> str:
    """Return an address as gRPC takes it; `ValueError` says in words what is wrong with it."""
    if address.startswith(UNIX):
        return _check_socket(address)
    if scheme := _SCHEME.match(address):
        raise ValueError(_of_scheme(scheme[1].lower()))
    if "@" in address:
        raise ValueError(f"it names a user; {WANTED}")  # and perhaps a password, which is not shown
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        raise ValueError(f"{_quoted(address)} names no port; {WANTED}")
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{_quoted(address)} has several colons; an IPv6 address stands in brackets, as in [::1]:8500")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{_quoted(address)} names no host; {WANTED}")
    if not (_PORT.fullmatch(port) and 0 < int(port) <= LAST_PORT):
        raise ValueError(f"{_quoted(port)} is no port; a port is a number from 1 to {LAST_PORT}")
    return address


def _check_socket(address: str) -> str:
    path = address.removeprefix(UNIX)
    path = path[2:] if path.startswith("//") else path  # unix:///path is another way to write unix:/path
    if not _PATH.fullmatch(path):
        raise ValueError(f"{_quoted(address)} names no whole path of a socket, as unix:/run/tfserving/grpc.sock does")
    if len(path) > MOST_PATH:
        raise ValueError(f"{_quoted(path)} is too long for a socket; {MOST_PATH} characters are the most")
    return f"{UNIX}{path}"


def _of_scheme(scheme: str) -> str:
    words = f"it begins with {scheme}://; {WANTED}"
    match scheme:
        case "http":
            return f"{words}. The REST port is not asked"
        case "https":
            return f"{words}. The REST port is not asked, and MM_SERVING_CA_FILE turns TLS on"
        case _:
            return words


def _quoted(words: str) -> str:
    return f"'{in_one_line(words, most=MOST_LETTERS)}'"
