"""Fault proxies for tests: hosted beside the test in its own event loop, on free ports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from infra.local.faults.control import Way, host
from infra.local.faults.remote import Remote
from infra.local.ports import LOOPBACK, Ports
from infra.local.ready import port_open
from tests.support.stack import eventually

LINK = "link"


@dataclass(frozen=True, slots=True)
class Proxied:
    """Running proxies; `url` is the bucket's, `port` the link's."""

    remote: Remote
    url: str = ""
    port: int = 0


@asynccontextmanager
async def proxied(ports: Ports, *, bucket_url: str = "", link_port: int = 0) -> AsyncIterator[Proxied]:
    """Host a bucket proxy, a link, or both."""
    control, own_bucket, own_link = ports.reserve(), ports.reserve(), ports.reserve()
    behind = urlsplit(bucket_url).port
    bucket = Way("", own_bucket, LOOPBACK, behind) if behind else None
    links = (Way(LINK, own_link, LOOPBACK, link_port),) if link_port else ()
    hosting = asyncio.create_task(host(bucket, links, control_port=control))
    try:
        await eventually(lambda: hosting.done() or asyncio.to_thread(port_open(control)))
        yield Proxied(Remote(LOOPBACK, control), f"http://{LOOPBACK}:{own_bucket}", own_link)
    finally:
        hosting.cancel()
        await asyncio.gather(hosting, return_exceptions=True)
