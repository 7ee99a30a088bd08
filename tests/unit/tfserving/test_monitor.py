"""What the monitors remember, and what a reload waits for."""

from threading import Thread

from infra.tfserving.lending import Shelf
from infra.tfserving.metrics import LOAD_ATTEMPTS, Metrics
from infra.tfserving.monitor import Bus, Change, Monitor
from infra.tfserving.servable import Code, Served, State
from infra.tfserving.versions import ServableId


def change(version: int, state: State, code: Code = Code.OK) -> Change:
    """Return a change of model m."""
    return Change(ServableId("m", version), state, code, "words" if code else "")


def test_a_monitor_knows_what_happened_since_it_was_opened() -> None:
    """So a fresh one has never heard of a version that ended before."""
    bus = Bus()
    old = Monitor(bus)
    bus.publish(change(1, State.END))
    fresh = Monitor(bus)
    bus.publish(change(2, State.START))
    assert [one.id.version for one in old.versions("m")] == [2, 1]
    assert [one.id.version for one in fresh.versions("m")] == [2]


def test_the_highest_version_that_settled_ends_the_wait() -> None:
    """AVAILABLE or END, whichever; a lower version does not count then."""
    bus = Bus()
    monitor = Monitor(bus)
    bus.publish(change(1, State.AVAILABLE))
    bus.publish(change(3, State.LOADING))
    bus.publish(change(2, State.END, Code.DATA_LOSS))
    assert monitor.wait({"m"}) == [change(2, State.END, Code.DATA_LOSS)]
    assert monitor.wait(set()) == []


def test_a_wait_is_not_blind_to_what_passes_quickly() -> None:
    """It ends although the version has moved on before the waiter woke."""
    bus = Bus()
    monitor = Monitor(bus)
    results: list[list[Change] | None] = []
    waiter = Thread(target=lambda: results.append(monitor.wait({"m"})))
    waiter.start()
    while not monitor.is_awaited():
        pass
    bus.publish(change(1, State.AVAILABLE))
    bus.publish(change(1, State.UNLOADING))
    waiter.join()
    assert results == [[change(1, State.AVAILABLE)]]


def test_closing_a_monitor_lets_its_waiters_go() -> None:
    """With nothing."""
    monitor = Monitor(Bus())
    results: list[list[Change] | None] = []
    waiter = Thread(target=lambda: results.append(monitor.wait({"m"})))
    waiter.start()
    while not monitor.is_awaited():
        pass
    monitor.close()
    waiter.join()
    assert results == [None]


def test_an_empty_shelf_is_replaced_at_once() -> None:
    """Nobody borrows from it."""
    Shelf().replace([])


def test_the_prometheus_page_counts_and_escapes() -> None:
    """A model's name may hold what a label may not."""
    metrics = Metrics()
    metrics.record_request(Served('a"b', "Predict", "GRPC", Code.OK, 0.000_02))
    metrics.record_request(Served('a"b', "Predict", "GRPC", Code.NOT_FOUND, 0.1))
    page = metrics.page()
    labels = 'model_name="a\\"b",API="Predict",entrypoint="GRPC"'
    assert ':tensorflow:serving:request_count{model_name="a\\"b",status="NOT_FOUND"} 1\n' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="18"}} 0\n' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="32.4"}} 1\n' in page
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 1\n' in page
    assert f":tensorflow:serving:request_latency_sum{{{labels}}} 20\n" in page
    assert metrics.value(LOAD_ATTEMPTS) == 0
