#!/opt/model-manager/bin/python -IS
"""Ask a service of this container for a page, `/livez` or `/readyz`; the exit code is the answer.

The containers' health check runs every few seconds in each of them, so it starts without site packages and speaks HTTP
by hand. The port is `MM_HTTP_PORT`, or the usual one of the program that the container runs.
"""

import os
import socket
import sys

PORTS = {"puller": 8001, "configurator": 8002, "master": 8000}
SECONDS = 4.0
MAX_BYTES = 4096


def main() -> int:
    """Print what the page says; 0 for status 200."""
    page = sys.argv[1] if len(sys.argv) > 1 else "/livez"
    try:
        status, body = ask(find_port(), page)
    except OSError as error:
        sys.stdout.write(f"{page} does not answer: {error}\n")
        return 1
    sys.stdout.write(f"{body}\n")
    return 0 if status == "200" else 1


def find_port() -> int:
    """The port of the program that the container runs."""
    if given := os.environ.get("MM_HTTP_PORT"):
        return int(given)
    with open("/proc/1/cmdline", encoding="utf-8") as file:  # noqa: PTH123 - pathlib's import takes longer than all else
        words = file.read().split("\0")
    return next((port for name, port in PORTS.items() if name in words), PORTS["master"])


def ask(port: int, page: str) -> tuple[str, str]:
    """Return status and body of a page."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(f"GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while len(answer) < MAX_BYTES and (piece := connection.recv(MAX_BYTES)):
            answer += piece
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    words = head.split()
    return (words[1] if len(words) > 1 else "none"), body


if __name__ == "__main__":
    sys.exit(main())
