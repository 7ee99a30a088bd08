"""What the configurators of other nodes say: which versions took TensorFlow Serving down there.

Nodes must not follow each other into it. A version of which a peer says so is not loaded here for the first time until
an operator has it tried again, or the peer takes its word back. While two nodes only suspect it, the one whose name
comes first tries it once more, and the other waits. And first loads of one version begin at different times, each
node's by the hash of its name, so that a word can be heard before all have begun. What serves is never touched.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from configurator.serving.applied_config import Key
from configurator.versions.disk import Folder
from configurator.view import Model, View
from events import crash
from events.bounds import MAX_NODES
from events.crash import BadWord, Crash, Crashes
from events.names import ModelName, NodeName, Version
from events.wording import few
from service import logs

log = logs.get("configurator.peers")

BEAT_SECONDS = 10.0  # so late a word is heard at most that was lost
LOOK_SECONDS = 0.1  # between two looks whether NATS is back
SHOWN = 3
TURN = "the nodes begin to load it one after the other"


@dataclass(frozen=True, slots=True)
class Link:
    """How words go out, and whether any can; `wake` has a pass begin, `clock` is monotonic."""

    publish: Callable[[bytes], None]
    is_connected: Callable[[], bool]
    wake: Callable[[], None]
    clock: Callable[[], float]


class Peers:
    """Hears and says words; `stagger_seconds` 0: no turns, `heeds` False: words of others change nothing.

    Alone, or with NATS away, a node waits for no turn.
    """

    def __init__(self, node: NodeName, link: Link, *, stagger_seconds: float, heeds: bool) -> None:
        self._node = node
        self._link = link
        self._stagger_seconds = stagger_seconds
        self._heeds = heeds
        self._heard: dict[NodeName, tuple[Crash, ...]] = {}
        self._own: tuple[Crash, ...] = ()
        self._said = -math.inf
        self._followed: dict[Key, str | None] = {}  # which request to try it again a suspected version had followed
        self._seen: dict[ModelName, dict[Version, float]] = {}  # since when a version waits for its first load here

    def hear(self, data: bytes) -> None:
        """Take a peer's word; ValueError where it is none."""
        word = crash.parse(data)
        if word.node == self._node:
            return
        if len(self._heard) >= MAX_NODES and word.node not in self._heard:
            raise BadWord(f"the word is of one more node than {MAX_NODES}")
        if word.is_new and (self._own or self._link.clock() - self._said >= BEAT_SECONDS):
            self._say()
        self._heard.setdefault(word.node, ())
        if self._heard[word.node] != word.crashes:
            self._heard[word.node] = word.crashes
            log.info(
                "peer tells of versions that took tensorflow serving down", node=word.node, count=len(word.crashes)
            )
            self._link.wake()

    def tell(self, view: View, folders: Mapping[ModelName, Folder]) -> None:
        """Say what is so on this node, where it is news."""
        suspects = {key for key, count in view.applied.crashes.items() if count}
        known = {key: view.models[key[0]] for key in suspects if key[0] in view.models}
        retries = {key: model.policy.retry.get(key[1]) for key, model in known.items() if key[1] not in model.good}
        self._followed = {key: self._followed.get(key, retry) for key, retry in retries.items()}
        found = {key: Crash(model=key[0], version=key[1], is_final=False, retry=self._followed[key]) for key in retries}
        for name, folder in folders.items():
            for version, record in folder.quarantined.items():
                if record.took_down:
                    found[name, version] = Crash(model=name, version=version, is_final=True, retry=record.retry)
        own = tuple(one for _, one in sorted(found.items()))[: crash.MOST]
        if own != self._own:
            self._own = own
            self._say()

    async def run(self) -> None:
        """Ask the others at each connection, and say again what holds, until cancelled."""
        was_connected = False
        while True:
            is_connected = self._link.is_connected()
            if is_connected and not was_connected:
                self._say(is_new=True)
            elif self._own and self._link.clock() - self._said >= BEAT_SECONDS:
                self._say()
            was_connected = is_connected
            await asyncio.sleep(LOOK_SECONDS)

    def look(self, name: ModelName, model: Model, *, crashes: Mapping[Key, int], now: float) -> Model:
        """Note which versions of a model wait: for an operator, or for what comes of it in a moment."""
        waits = dict.fromkeys(self._turns(name, model, now), TURN)
        if not self._heeds or not any(self._heard.values()):
            return replace(model, waits=waits)
        held = {}
        for version in _first_loads(model):
            nodes, is_final = self._tellers((name, version), model)
            if is_final:
                held[version] = (
                    f"it took TensorFlow Serving down on {few(nodes, most=SHOWN)};"
                    f" `model-manager retry {name} {version}` has it tried again"
                )
            elif nodes and not (crashes.get((name, version)) and self._node < nodes[0]):
                where = few(nodes, most=SHOWN)
                waits[version] = f"it may have taken TensorFlow Serving down on {where}; one node tries it once more"
        return replace(model, held=held, waits=waits)

    def _turns(self, name: ModelName, model: Model, now: float) -> list[Version]:
        """Name the versions to be loaded for the first time whose turn has not come on this node.

        One whose load has begun has had its turn, however that ends.
        """
        before, idle = self._seen.get(name, {}), _first_loads(model)
        seen = {version: before.get(version, now) if version in idle else -math.inf for version in _untried(model)}
        self._seen[name] = seen
        if not (self._stagger_seconds and self._heard and self._link.is_connected()):
            return []
        return [version for version in idle if now < seen[version] + self._delay((name, version))]

    def _tellers(self, key: Key, model: Model) -> tuple[list[NodeName], bool]:
        """Name the nodes that tell of a crash since it was last to be tried again, and say whether one is certain."""
        request = model.policy.retry.get(key[1])
        said = [
            (node, one.is_final)
            for node, crashes in sorted(self._heard.items())
            for one in crashes
            if (one.model, one.version) == key and request in {None, one.retry}
        ]
        return [node for node, _ in said], any(is_final for _, is_final in said)

    def _delay(self, key: Key) -> float:
        digest = hashlib.sha256(f"{self._node} {key[0]} {key[1]}".encode()).digest()
        return self._stagger_seconds * int.from_bytes(digest[:4]) / 2**32

    def _say(self, *, is_new: bool = False) -> None:
        word = Crashes(node=self._node, crashes=self._own, is_new=is_new)
        self._said = self._link.clock()
        self._link.publish(word.model_dump_json().encode())


def _first_loads(model: Model) -> list[Version]:
    """Name the versions that could be served, were not found good, and are neither loading nor served."""
    return [
        version for version in _untried(model) if not (version in model.statuses and model.statuses[version].is_active)
    ]


def _untried(model: Model) -> frozenset[Version]:
    """Name the versions that could be served and were not found good."""
    return model.usable - model.good
