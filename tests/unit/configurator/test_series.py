"""The series that say which version each model serves on this node, and which one clients get who name none."""

from datetime import UTC, datetime, timedelta

from prometheus_client import Gauge

from configurator.app import MOST_SERIES, count, measure
from events.names import ModelName, NodeName, Version
from events.status import ConfiguratorReport, Connection, Disk, Pass, ServedModel
from service import metrics

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UP = Connection(is_connected=True, since=NOW)


def told(models: dict[ModelName, ServedModel]) -> None:
    report = ConfiguratorReport(
        node=NodeName("a"),
        service="configurator",
        software="1",
        started=NOW,
        reported=NOW,
        is_ready=True,
        last_pass=Pass(),
        nats=UP,
        serving=UP,
        disk=Disk(total=1, free=1, reserve=0),
        models=models,
    )
    count(report)
    measure(report)


def series(gauge: Gauge) -> set[tuple[str, str]]:
    return {(one.labels["model"], one.labels["version"]) for family in gauge.collect() for one in family.samples}


def serving(*versions: int) -> ServedModel:
    numbers = tuple(Version(version) for version in versions)
    return ServedModel(desired=numbers, serving=numbers, default_version=max(numbers, default=None))


def test_each_version_and_the_default_one_has_a_series() -> None:
    """And none is left of what is no longer served."""
    m, n = ModelName("m"), ModelName("n")
    told({m: serving(2, 2**53 + 1), n: serving()})
    assert series(metrics.SERVING_VERSION) == {("m", "2"), ("m", str(2**53 + 1))}
    assert series(metrics.DEFAULT_VERSION) == {("m", str(2**53 + 1))}
    told({n: serving(7)})
    assert series(metrics.SERVING_VERSION) == series(metrics.DEFAULT_VERSION) == {("n", "7")}


def test_there_are_no_more_series_than_a_prometheus_can_bear() -> None:
    """Of very many models the first by name are told."""
    told({ModelName(f"m{number:05}"): serving(1, 2) for number in range(MOST_SERIES + 5)})
    assert len(series(metrics.DEFAULT_VERSION)) == MOST_SERIES
    told({})


def test_a_model_on_its_way_does_not_differ_until_it_is_stuck() -> None:
    """The gauge goes by the rule of the page, on which the alert stands."""
    behind = serving(1).model_copy(update={"difference": "version 2 waits", "differs_since": NOW})
    moving = behind.model_copy(update={"is_moving": True})
    stuck = moving.model_copy(update={"differs_since": NOW - timedelta(minutes=15)})
    told({ModelName("a"): serving(1), ModelName("b"): behind, ModelName("c"): moving, ModelName("d"): stuck})
    assert [one.value for family in metrics.MODELS_DIFFERING.collect() for one in family.samples] == [2]
