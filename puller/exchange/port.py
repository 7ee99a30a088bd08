"""Whether this node takes part in the exchange of its site, and its socket if it does."""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from events.status import ExchangeReport
from puller.exchange.signing import LEAST_SECRET
from puller.settings import PullerSettings
from service.connections import ACCEPTED_AT_ONCE
from service.errors import BadSettings
from service.settings import read_secret

PORT: Final = 8003


@dataclass(frozen=True, slots=True)
class Port:
    """The exchange's socket, the secret of the site, and where neighbours reach it."""

    listener: socket.socket
    secret: str
    site: str
    address: str


@dataclass(frozen=True, slots=True)
class Off:
    """There is no exchange on this node, and why."""

    reason: str


def take(chosen: PullerSettings, *, http: str) -> Port | Off:
    """Take the port, or say why not; `http` is where others reach the puller's HTTP port.

    Raises `BadSettings` where the secret's file cannot be read, or holds too little.
    """
    if chosen.exchange == "off":
        return Off("MM_EXCHANGE is off: this node fetches every byte from the bucket")
    secret = _secret(chosen)
    is_local = _is_loopback(chosen.http_host)
    if not secret and not is_local:
        return Off(
            f"MM_EXCHANGE_TOKEN_FILE is not set, and this node listens on {chosen.http_host}: without a secret of the "
            "site its neighbours cannot be told from strangers; every byte comes from the bucket"
        )
    wanted = chosen.exchange_port if chosen.exchange_port is not None else 0 if is_local else PORT
    try:
        listener = _listen(chosen.http_host, wanted)
    except OSError as error:
        place = f"{chosen.http_host}:{wanted}"
        return Off(f"cannot listen on {place} (MM_EXCHANGE_PORT): {error.strerror}; every byte comes from the bucket")
    host = http.rpartition(":")[0]
    return Port(listener, secret, chosen.site, f"{host}:{listener.getsockname()[1]}")


def report(port: Port | Off, *, neighbours: int) -> ExchangeReport:
    """Say it in the puller's report."""
    match port:
        case Off(reason=reason):
            return ExchangeReport(is_on=False, reason=reason)
        case Port(site=site, address=address):
            return ExchangeReport(is_on=True, site=site, address=address, neighbours=neighbours)


def _secret(chosen: PullerSettings) -> str:
    if chosen.exchange_token_file is None:
        return ""
    secret = read_secret(chosen.exchange_token_file, "exchange_token_file").get_secret_value()
    if len(secret) < LEAST_SECRET:
        raise BadSettings(f"MM_EXCHANGE_TOKEN_FILE: the secret has {len(secret)} characters, at least {LEAST_SECRET}")
    return secret


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=ACCEPTED_AT_ONCE)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
