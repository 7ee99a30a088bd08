"""Set JetStream up for a cluster: `python -m infra.nats.streams --replicas 3`, with the admin's key.

The services make what is missing as one copy, which is right for one server; here it is made with as many copies as
there are servers, and what is there already gets them; so do the limits that matter. Run it any number of times.
"""

import argparse
import asyncio
import dataclasses
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from events.names import NodeName
from service import jetstream, settings, streams
from service.bus import Bus
from service.errors import BadSettings, Transient
from service.settings import Settings
from service.tasks import end
from service.version import SAID

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.05
WHOLE_SECONDS = 60.0
REPLY_SECONDS = 15.0  # moving a stream to more servers takes longer than what services ask


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the program; its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.nats.streams",
        description="Make the streams and buckets, or bring them to so many copies. "
        "MM_NATS_URL, MM_NATS_NKEY_FILE and MM_NATS_CA_FILE say where and as whom.",
    )
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("--replicas", type=int, choices=(1, 3, 5), default=1, help="copies, one a server (default: 1)")
    replicas = parser.parse_args(arguments).replicas
    try:
        chosen = settings.load(Settings, {"MM_NODE": NodeName("setup"), **environment})
        for name, copies in asyncio.run(set_up(chosen, replicas=replicas)).items():
            sys.stdout.write(f"{name}: copies {copies}\n")
    except (BadSettings, Transient) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


async def set_up(chosen: Settings, *, replicas: int) -> dict[str, int]:
    """Make what is missing, bring all of it to so many copies, and wait until they are whole; return what each has."""
    async with connected(chosen) as client:
        stream = client.jetstream(timeout=REPLY_SECONDS)
        with jetstream.errors("set JetStream up"):
            for name in streams.STREAMS:
                await jetstream.ensure_stream(stream, name, replicas=replicas)
                await _correct(stream, name)
            async with asyncio.timeout(WHOLE_SECONDS):
                return {name: await _copy(stream, name, replicas) for name in streams.STREAMS}


async def _correct(stream: JetStreamContext, name: str) -> None:
    """Bring what matters of a stream that was made otherwise, or by an earlier release, to what it shall be."""
    found = await stream.stream_info(name)
    if streams.differences(found.config):
        await stream.update_stream(streams.corrected(found.config))


async def _copy(stream: JetStreamContext, name: str, replicas: int) -> int:
    """Bring a stream to so many copies. Before they are whole, the loss of one server may cost everything."""
    found = await stream.stream_info(name)
    if found.config.num_replicas != replicas:
        await stream.update_stream(dataclasses.replace(found.config, num_replicas=replicas))
    while not _is_whole(found := await stream.stream_info(name), replicas):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(LOOK_SECONDS)
    return found.config.num_replicas or 1


def _is_whole(found: StreamInfo, replicas: int) -> bool:
    if replicas == 1:
        return True
    others = (found.cluster and found.cluster.replicas) or []
    return len(others) == replicas - 1 and all(other.current for other in others)


@asynccontextmanager
async def connected(chosen: Settings) -> AsyncIterator[Client]:
    """Connect as services do, with the admin's rights; `Transient` where NATS is not there."""
    bus = Bus(chosen, "admin")
    running = asyncio.create_task(bus.run())
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            while not bus.connection.is_connected:  # noqa: ASYNC110 - the bus tells nobody
                await asyncio.sleep(LOOK_SECONDS)
        yield bus.client()
    except TimeoutError as error:
        raise Transient(bus.connection.reason) from error
    except NatsError as error:
        raise Transient(f"NATS: {error}") from error
    finally:
        await end([running])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
