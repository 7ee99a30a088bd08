"""What a service tells of itself over NATS: signs of life, the last of them, and its whole report."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from events import cost, status, subjects, writers
from events.names import NodeName
from events.status import MAX_REPORT_BYTES, MAX_REPORT_VALUES, Presence, Report
from events.writers import Writers
from service import logs
from service.bus import Bus
from service.jetstream import PRESENCE_SECONDS

log = logs.get("service.reporting")

BEAT_SECONDS = PRESENCE_SECONDS * 0.4  # two chances to be heard before a service counts as lost
REPORT_SECONDS = 60.0  # a report without change is sent this often
REPORT_PAUSE_SECONDS = 0.2  # between two reports on change


def new_sign(node: NodeName, service: str) -> Presence:
    """Make the sign of life of a process that starts now."""
    started = datetime.now(UTC)
    return Presence(node=node, service=service, started=started, instance=uuid4().hex, host=socket.gethostname())


async def keep_beating(bus: Bus, sign: Presence, *, seconds: float = BEAT_SECONDS) -> None:
    """Show that the service is there; others notice when this stops, and at once where it ends cleanly."""
    last = sign.model_copy(update={"is_last": True})
    bus.at_end(f"$KV.{subjects.PRESENCE_BUCKET}.{_key(sign)}", last.model_dump_json().encode())
    while True:
        beat(bus, sign)
        await asyncio.sleep(seconds)


def beat(bus: Bus, sign: Presence) -> None:
    """Give a sign of life now."""
    bus.keep(subjects.PRESENCE_BUCKET, _key(sign), sign.model_dump_json().encode())


async def send_reports(bus: Bus, sign: Presence, *, report: Callable[[], Report], changed: asyncio.Event) -> None:
    """Keep the service's key in the status bucket up to date, on change and now and then."""
    while True:
        changed.clear()
        bus.keep(subjects.STATUS_BUCKET, _key(sign), fitting(report()))
        await asyncio.sleep(REPORT_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_SECONDS):
                await changed.wait()


def fitting(report: Report) -> bytes:
    """Write a report for NATS; one that masters would refuse goes without its models, and says so."""
    data = report.model_dump_json().encode()
    wrong = cost.problem(data, most_bytes=MAX_REPORT_BYTES, most_values=MAX_REPORT_VALUES)
    if not wrong:
        return data
    log.warning("report is too big; it goes without its models", reason=wrong)
    words = f"its report is {wrong}; it goes without its models, so no master shows those"
    left: dict[str, object] = {"models": {}} if "models" in type(report).model_fields else {}
    return report.model_copy(update={**left, "warnings": (words,)}).model_dump_json().encode()


class DuplicateWriters:
    """Hears the signs of life under this service's own key, and tells of another process that gives them, too."""

    def __init__(self, bus: Bus, sign: Presence, *, on_change: Callable[[], None]) -> None:
        """Listen once the bus runs."""
        self._sign = sign
        self._writers = Writers()
        self._on_change = on_change
        self.problems: tuple[str, ...] = ()
        bus.subscribe(f"$KV.{subjects.PRESENCE_BUCKET}.{_key(sign)}", self.hear)

    def hear(self, data: bytes) -> None:
        """Take a sign of life of this name."""
        found = status.presence(data, self._sign.node, self._sign.service)
        words = writers.words(self._writers.hear(found, datetime.now(UTC)))
        problems = (words,) if words else ()
        if problems == self.problems:
            return
        self.problems = problems
        if words:
            log.error("another process has this service's name", reason=words)
        else:
            log.info("no other process has this service's name any more")
        self._on_change()


def _key(sign: Presence) -> str:
    return subjects.status_key(sign.node, sign.service)
