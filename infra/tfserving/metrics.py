"""Counters in TensorFlow Serving's names, as its Prometheus page prints them."""

from collections import Counter
from pathlib import Path
from threading import Lock

from infra.tfserving.servable import Code, Served

REQUEST_COUNT = "/tensorflow/serving/request_count"
REQUEST_LATENCY = "/tensorflow/serving/request_latency"
LOAD_ATTEMPTS = "/tensorflow/cc/saved_model/load_attempt_count"
LOAD_LATENCY = "/tensorflow/cc/saved_model/load_latency"

_MICROS = 1_000_000
# 33 buckets of microseconds, the last one open: 10, 18, 32.4, ... (about 20 minutes).
_LIMITS = tuple(10 * 1.8**power for power in range(32))

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts requests and loads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, Counter[Labels]] = {
            REQUEST_COUNT: Counter(),
            LOAD_ATTEMPTS: Counter(),
            LOAD_LATENCY: Counter(),
        }
        self._latencies: dict[Labels, list[float]] = {}

    def record_request(self, served: Served) -> None:
        """Count a request; the time of those that went well goes into the histogram."""
        with self._lock:
            self._counts[REQUEST_COUNT][(("model_name", served.model), ("status", served.code.name))] += 1
            if served.code is not Code.OK:
                return
            labels = (("model_name", served.model), ("API", served.api), ("entrypoint", served.entrypoint))
            buckets = self._latencies.setdefault(labels, [0.0] * (len(_LIMITS) + 2))
            micros = served.seconds * _MICROS
            buckets[sum(limit <= micros for limit in _LIMITS)] += 1
            buckets[-1] += micros

    def record_load(self, path: Path, loaded: bool, seconds: float) -> None:  # noqa: FBT001 (the manager's recorder)
        """Count an attempt to load the version in `path`."""
        labels = (("model_path", str(path)), ("status", "success" if loaded else "fail"))
        with self._lock:
            self._counts[LOAD_ATTEMPTS][labels] += 1
            self._counts[LOAD_LATENCY][labels[:1]] += int(seconds * _MICROS)

    def value(self, name: str) -> int:
        """Return the first value of a counter, zero if it has none, as ReloadConfigRequest.metric_names asks."""
        with self._lock:
            return next(iter(self._counts.get(name, Counter()).values()), 0)

    def page(self) -> str:
        """Print everything in Prometheus' text format."""
        with self._lock:
            lines = [line for name in sorted(self._counts) for line in self._counter_lines(name)]
            return "\n".join([*lines, *self._latency_lines(), ""])

    def _counter_lines(self, name: str) -> list[str]:
        shown = _prometheus_name(name)
        values = self._counts[name].items()
        return [f"# TYPE {shown} counter", *(f"{shown}{{{_print(labels)}}} {value}" for labels, value in values)]

    def _latency_lines(self) -> list[str]:
        name = _prometheus_name(REQUEST_LATENCY)
        lines = [f"# TYPE {name} histogram"]
        for labels, (*buckets, total) in self._latencies.items():
            shown = _print(labels)
            limits = [*(f"{limit:g}" for limit in _LIMITS), "+Inf"]
            for index, limit in enumerate(limits):
                lines.append(f'{name}_bucket{{{shown},le="{limit}"}} {sum(buckets[: index + 1]):.0f}')
            lines.append(f"{name}_sum{{{shown}}} {total:.0f}")
            lines.append(f"{name}_count{{{shown}}} {sum(buckets):.0f}")
        return lines


def _prometheus_name(name: str) -> str:
    return name.replace("/", ":")


def _print(labels: Labels) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
