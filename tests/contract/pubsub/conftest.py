"""The servers under contract: each test that takes `pubsub` runs against the embedded one and Google's emulator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from infra.local import parts
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.programs import MissingProgram
from infra.local.pubsub.remote import Remote
from infra.local.supervisor import Supervisor
from tests.support.pubsub import AS_GOOGLE, AS_GOOGLES_EMULATOR, Backend, Embedded, connected

StartEmbedded = Callable[..., Embedded]


@pytest.fixture(scope="session", params=[PubSubKind.EMBEDDED, PubSubKind.GOOGLE])
def pubsub(request: pytest.FixtureRequest, supervisor: Supervisor) -> Iterator[Backend]:
    """Give each server in turn, with the official clients."""
    port = supervisor.ports.reserve()
    try:
        command = parts.pubsub(request.param, port)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    child = supervisor.start(command)
    differences = AS_GOOGLE if request.param is PubSubKind.EMBEDDED else AS_GOOGLES_EMULATOR
    with connected(f"{LOOPBACK}:{port}", differences) as backend:
        yield backend
    supervisor.stop(child)


@pytest.fixture
def start_embedded(supervisor: Supervisor) -> Iterator[StartEmbedded]:
    """Start embedded servers of one's own, with these command-line options."""
    with ExitStack() as running:

        def start(*options: str) -> Embedded:
            port = supervisor.ports.reserve()
            command = parts.pubsub(PubSubKind.EMBEDDED, port)
            child = supervisor.start(replace(command, argv=(*command.argv, *options)))
            running.callback(supervisor.stop, child)
            address = f"{LOOPBACK}:{port}"
            return Embedded(running.enter_context(connected(address, AS_GOOGLE)), Remote(address), child)

        yield start
