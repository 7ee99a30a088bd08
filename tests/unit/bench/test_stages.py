"""The way of a version is read out of its events, in whatever order they come."""

from datetime import UTC, datetime, timedelta

import pytest

from bench.stages import STAGES, Incomplete, Unannounced, way
from events.messages import (
    DownloadFinished,
    DownloadStarted,
    NotificationReceived,
    ReloadSent,
    VersionAvailable,
    VersionEvent,
    VersionPublished,
    VersionVerified,
)
from events.names import ModelName, Version

UPLOADED = datetime(2024, 5, 1, tzinfo=UTC)
MODEL, VERSION = ModelName("m"), Version(3)


def at(milliseconds: float) -> datetime:
    return UPLOADED + timedelta(milliseconds=milliseconds)


def notification(file: str) -> NotificationReceived:
    return NotificationReceived(model=MODEL, version=VERSION, object_name=f"m/3/{file}", generation=1)


HAPPENED: list[tuple[datetime, VersionEvent]] = [
    (at(-20), notification("saved_model.pb")),
    (at(40), notification("manifest.json")),
    (at(48), DownloadStarted(model=MODEL, version=VERSION, files=4, bytes_total=9)),
    (
        at(60),
        DownloadFinished(model=MODEL, version=VERSION, bytes_moved=9, bytes_linked=0, bytes_resumed=0, seconds=0.01),
    ),
    (at(63), VersionVerified(model=MODEL, version=VERSION, files=4, bytes=9)),
    (at(68), VersionPublished(model=MODEL, version=VERSION, files=4, bytes=9)),
    (at(72), ReloadSent(model=MODEL, version=VERSION, versions=(VERSION,))),
    (at(80), ReloadSent(model=MODEL, version=VERSION, versions=(VERSION,))),
    (at(172), VersionAvailable(model=MODEL, version=VERSION, seconds=0.1)),
]


def test_stages_follow_each_other() -> None:
    """Each stage lasts from the end of the one before; a later reload of the same version does not count."""
    found = way(UPLOADED, HAPPENED)
    assert dict(zip(STAGES, found.stages_ms, strict=True)) == {
        "notification": 40,
        "decision": 8,
        "download": 12,
        "verified": 3,
        "published": 5,
        "reload sent": 4,
        "AVAILABLE": 100,
    }
    assert found.whole_ms == 172


def test_overhead_is_all_but_the_transfer() -> None:
    """From the notification to the reload, without the time between the first and the last byte."""
    assert way(UPLOADED, HAPPENED).overhead_ms == 72 - 40 - 12


def test_order_of_arrival_does_not_matter() -> None:
    """Events carry their own time."""
    assert way(UPLOADED, HAPPENED[::-1]) == way(UPLOADED, HAPPENED)


def test_a_notification_after_the_download_began_is_not_what_began_it() -> None:
    """Where a pass found the manifest before its notification came, the notification before that one counts."""
    late = [(at(50), event) if index == 1 else (when, event) for index, (when, event) in enumerate(HAPPENED)]
    assert way(UPLOADED, late).stages_ms[0] == -20


def test_a_version_found_without_a_notification_is_told_apart() -> None:
    """A version that a pass found by itself has no way from a notification."""
    with pytest.raises(Unannounced):
        way(UPLOADED, [(when, event) for when, event in HAPPENED if not isinstance(event, NotificationReceived)])


@pytest.mark.parametrize("kind", list(STAGES.values())[1:], ids=list(STAGES)[1:])
def test_a_missing_stage_is_an_error(kind: type[VersionEvent]) -> None:
    """A way with a hole is not measured at all."""
    with pytest.raises(Incomplete, match=kind.type):
        way(UPLOADED, [(when, event) for when, event in HAPPENED if not isinstance(event, kind)])
