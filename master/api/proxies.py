"""Who asks, where proxies stand between: their word counts only where an operator has named them."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.types import Scope

from service.errors import BadSettings

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDING = ("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")
MAX_PROXIES = 32  # in one header; more of them are somebody's invention


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word on their clients is taken."""

    networks: tuple[Network, ...] = ()

    def trusts(self, address: str) -> bool:
        """Tell whether an address is one of these proxies'."""
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self.networks)

    def seen(self, scope: Scope) -> Scope:
        """Put the client, and how it speaks, in the place of a proxy that is trusted."""
        peer = scope["client"][0] if scope.get("client") else ""
        if not self.trusts(peer):
            return scope
        headers = Headers(scope=scope)
        scheme = headers.get("x-forwarded-proto", "").strip().lower()
        return {
            **scope,
            "client": (self._client(peer, headers.getlist("x-forwarded-for")), 0),
            "scheme": scheme if scheme in {"http", "https"} else scope["scheme"],
        }

    def _client(self, peer: str, said: Iterable[str]) -> str:
        """Find the last in the chain that is none of ours; what stands before it anybody could have written."""
        client = peer
        chain = [part for line in said for part in line.split(",")]
        for part in reversed(chain[-MAX_PROXIES:]):
            parsed = _address(_without_port(part.strip()))
            if parsed is None:
                return client
            client = str(parsed)
            if not self.trusts(client):
                return client
        return client


def parse(text: str) -> Proxies:
    """Read addresses and networks, separated by commas; `BadSettings` names the one that is none."""
    return Proxies(tuple(_network(part.strip()) for part in text.split(",") if part.strip()))


def forwarding(headers: Mapping[str, str]) -> str:
    """Name the header by which a request shows that a proxy has passed it on; empty where none does."""
    return next((name for name in FORWARDING if name in headers), "")


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise BadSettings(f"MM_TRUSTED_PROXIES: {text[:60]!a} is no address and no network") from error


def _address(text: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
