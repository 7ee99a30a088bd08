"""By which names a service may be asked for what it tells everybody: a browser can be made to bring others' here.

A page from elsewhere has its own name lead to this host's address (DNS rebinding), and then reads what is answered. The
`Host` header still says the page's name. No name without a dot can be somebody else's, and no address is a name.
"""

import ipaddress
from collections.abc import Collection

from service.settings import Settings


def own_names(settings: Settings) -> frozenset[str]:
    """Tell the names of this host that hold a dot; `*.` stands for any name before the rest."""
    further = (name.strip() for name in settings.http_names.split(","))
    return frozenset(name.lower() for name in (settings.node, _name(settings.http_advertise), *further) if name)


def is_own(host: str, names: Collection[str]) -> bool:
    """Tell whether a request's `Host` is one of this host's names; who sends none is no browser."""
    name = _name(host)
    if "." not in name or _is_address(name) or name in names:
        return True
    return any(known.startswith("*.") and name.endswith(known[1:]) for known in names)


def _name(host: str) -> str:
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host if host.count(":") > 1 else host.partition(":")[0]).rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
