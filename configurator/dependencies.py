"""What a pass depends on: the disk, TensorFlow Serving, and the steps that keep state between passes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from configurator.attestor import Attestor
from configurator.event_emitter import EventEmitter
from configurator.hand_made import HandMade
from configurator.observe import Observer
from configurator.sender import Sender
from configurator.serving.reloader import Reloader
from configurator.versions.cleanup import Cleaner
from configurator.versions.disk import Disk
from configurator.versions.health_checks import HealthChecks
from configurator.versions.peers import Peers
from configurator.versions.sweeper import Sweeper
from service.isolation import Troubles


class Connected(Protocol):
    """How often the connection to TensorFlow Serving was lost."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a pass depends on."""

    disk: Disk
    serving: Connected
    observer: Observer
    hand_made: HandMade
    peers: Peers
    reloader: Reloader
    sender: Sender
    sweeper: Sweeper
    cleaner: Cleaner
    health_checks: HealthChecks
    emitter: EventEmitter
    attestor: Attestor
    troubles: Troubles
    clock: Callable[[], float]  # monotonic
