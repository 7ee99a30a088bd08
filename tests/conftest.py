"""What every test gets: the fixtures of `tests.support.stack`, and the rule that unit tests open no socket."""

import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# No promise about time is made on a machine that is shared with others.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A shell that runs the tests in the background has them ignore Ctrl-C, and with them every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.support.stack"]

SOCKET_EVENTS = frozenset({"socket.bind", "socket.connect", "socket.getaddrinfo"})
_in_unit_test = False


def _refuse_sockets(event: str, _arguments: tuple[object, ...]) -> None:
    if _in_unit_test and event in SOCKET_EVENTS:
        raise RuntimeError(f"a unit test may not use the network ({event}); it belongs to tests/integration")


sys.addaudithook(_refuse_sockets)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> object:
    global _in_unit_test  # noqa: PLW0603 - an audit hook has no other way to know which test runs
    _in_unit_test = "unit" in item.path.relative_to(item.config.rootpath).parts
    try:
        return (yield)
    finally:
        _in_unit_test = False
