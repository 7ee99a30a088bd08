"""The look at the streams and buckets themselves: what matters of them and is not as it has to be.

An operator, a tool or an earlier release may have made them. A limit that lets pins go by themselves shows nowhere else
before they are gone.
"""

import asyncio

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from master.fleet.queries import FleetQueries
from service import logs, streams
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient

log = logs.get("master.stock")

LOOK_SECONDS = 10.0
ADVICE = "`python -m infra.nats.streams` with the admin's key puts it right"


async def watch(bus: Bus, fleet: FleetQueries) -> None:
    """Look now and then until cancelled; say in the view what was found, and what of the master's own work fails."""
    known: tuple[str, ...] = ()
    while True:
        try:
            found = await look(bus.client().jetstream(timeout=REPLY_SECONDS))
        except (Transient, NatsError, OSError, TimeoutError) as error:
            log.debug("streams not looked at", reason=str(error))
        else:
            for warning in set(found) - set(known):
                log.warning("a stream is not as it has to be", reason=warning)
            known = found
        fleet.warnings = (*bus.problems, *known)
        await asyncio.sleep(LOOK_SECONDS)


async def look(stream: JetStreamContext) -> tuple[str, ...]:
    """Tell what is wrong with each stream that is there."""
    found: list[str] = []
    for name in streams.STREAMS:
        try:
            found += describe(await stream.stream_info(name))
        except NotFoundError:
            continue  # who needs it makes it, and says where that fails
    return tuple(found)


def describe(info: StreamInfo) -> list[str]:
    """Say what matters of a stream and is otherwise, and what to do."""
    return [
        f"{info.config.name} in NATS has {one.field} {shown(one.found)} and not {shown(one.wanted)}:"
        f" {one.why}; {ADVICE}"
        for one in streams.differences(info.config)
    ]


def shown(value: object) -> str:
    """Write a field's value for people."""
    if isinstance(value, list):
        return ", ".join(str(getattr(one, "name", one)) for one in value)
    return f"{value:g}" if value and isinstance(value, float) else str(value or "none")
