"""What a pass works on: every outside thing and every step with a memory of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from configurator.clean import Cleaner
from configurator.court import Court
from configurator.disk import Disk
from configurator.hand_made import HandMade
from configurator.news import News
from configurator.observe import Observer
from configurator.peers import Peers
from configurator.reloader import Reloader
from configurator.sender import Sender
from configurator.sweeper import Sweeper
from service.isolation import Troubles


class Connected(Protocol):
    """How often the connection to TensorFlow Serving was lost."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Edges:
    """What a pass works on."""

    disk: Disk
    serving: Connected
    observer: Observer
    hand_made: HandMade
    peers: Peers
    reloader: Reloader
    sender: Sender
    sweeper: Sweeper
    cleaner: Cleaner
    court: Court
    news: News
    troubles: Troubles
    clock: Callable[[], float]  # monotonic
