"""A client of every node that asks all the time, and notes what it was told and when."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

import grpc

from tests.compose.world import Serving

PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One Predict: when it was begun, and the answer, or why there was none."""

    at: float
    answer: float | None
    error: str


class Watcher:
    """Asks one model of every node until it is stopped; a node at a time does not wait for another."""

    def __init__(self, nodes: Iterable[Serving], *, model: str, x: float) -> None:
        self.calls: dict[str, list[Call]] = {node.node: [] for node in nodes}
        self._model, self._x = model, x
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(node,), daemon=True) for node in nodes]

    def __enter__(self) -> "Watcher":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def failures(self, *nodes: str) -> list[tuple[str, Call]]:
        """The calls of these nodes, of all where none is named, that were not answered."""
        return [(node, call) for node in nodes or self.calls for call in self.calls[node] if call.answer is None]

    def answers(self) -> set[float]:
        """The different answers that were given."""
        return {call.answer for calls in self.calls.values() for call in calls if call.answer is not None}

    def gaps(self, node: str) -> list[tuple[float, float]]:
        """When the node did not answer: from the last answer before a failure to the first one after it."""
        found, last_good, is_open = [], float("-inf"), False
        for call in self.calls[node]:
            if call.answer is None:
                is_open = True
                continue
            if is_open:
                found.append((last_good, call.at))
            last_good, is_open = call.at, False
        return [*found, (last_good, float("inf"))] if is_open else found

    def _ask(self, node: Serving) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                answer, error = node.predict(self._model, self._x), ""
            except grpc.RpcError as failed:
                answer, error = None, str(failed)
            self.calls[node.node].append(Call(begun, answer, error))
            self._stop.wait(PAUSE_SECONDS)
