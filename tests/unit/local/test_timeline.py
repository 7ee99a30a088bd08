"""The demo's timeline: one line a moment, measured from the end of the upload."""

from datetime import UTC, datetime, timedelta

from events.messages import (
    DownloadFinished,
    DownloadStarted,
    NotificationReceived,
    VersionEvent,
    VersionIncomplete,
    VersionPublished,
)
from events.names import ModelName, Version
from infra.local.timeline import Moment, moments, rows, size

UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)
MODEL, ONE = ModelName("line"), Version(1)


def after(milliseconds: float) -> datetime:
    return UPLOADED + timedelta(milliseconds=milliseconds)


def notification(name: str) -> NotificationReceived:
    return NotificationReceived(model=MODEL, version=ONE, object_name=name, generation=1)


def test_rows_are_measured_from_the_upload_and_from_each_other() -> None:
    """Each row says how long after the upload it was, and how long after the row before."""
    table = rows(UPLOADED, [Moment(after(90), "published"), Moment(after(50), "notified")])
    assert [(row.what, row.since_upload_ms, row.since_last_ms) for row in table] == [
        ("upload finished", 0.0, 0.0),
        ("notified", 50.0, 50.0),
        ("published", 90.0, 40.0),
    ]


def test_a_notification_may_come_before_the_upload_call_returns() -> None:
    """What happens while the last upload call still waits for its answer is shown before the upload's end."""
    table = rows(UPLOADED, [Moment(after(-2), "notified")])
    assert [(row.what, row.since_upload_ms) for row in table] == [("notified", -2.0), ("upload finished", 0.0)]


def test_only_the_notification_that_started_the_download_is_told() -> None:
    """Of one notification for each object, and of what was seen before it, only the last before the download counts."""
    happened: list[tuple[datetime, VersionEvent]] = [
        (after(-30), notification("line/1/saved_model.pb")),
        (after(-20), VersionIncomplete(model=MODEL, version=ONE, reason="variables are missing")),
        (after(40), notification("line/1/manifest.json")),
        (after(45), DownloadStarted(model=MODEL, version=ONE, files=5, bytes_total=13_000)),
        (after(50), notification("line/1/saved_model.pb")),
        (
            after(60),
            DownloadFinished(model=MODEL, version=ONE, bytes_moved=1, bytes_linked=0, bytes_resumed=0, seconds=1),
        ),
        (after(70), VersionPublished(model=MODEL, version=ONE, files=5, bytes=13_000)),
    ]
    assert [(moment.what, moment.detail) for moment in moments(happened)] == [
        ("notification received", "line/1/manifest.json"),
        ("download started", "5 files, 12.7 KiB"),
        ("download finished", "100 %, 1 B moved in 1000 ms"),
        ("published on disk", ""),
    ]


def test_a_download_tells_what_it_did_not_have_to_move() -> None:
    """Bytes shared with another version and bytes staged before are told apart from those that were moved."""
    happened: list[tuple[datetime, VersionEvent]] = [
        (
            after(1),
            DownloadFinished(
                model=MODEL, version=ONE, bytes_moved=10, bytes_linked=20, bytes_resumed=30, seconds=0.004
            ),
        ),
    ]
    told = "100 %, 10 B moved in 4 ms, 20 B shared with another version, 30 B staged before"
    assert [moment.detail for moment in moments(happened)] == [told]


def test_without_a_notification_the_rest_is_told() -> None:
    """A version found by the poll has a timeline, too."""
    happened: list[tuple[datetime, VersionEvent]] = [
        (after(45), DownloadStarted(model=MODEL, version=ONE, files=1, bytes_total=1)),
    ]
    assert [moment.what for moment in moments(happened)] == ["download started"]


def test_sizes_are_readable() -> None:
    """Sizes carry the unit people would choose."""
    assert [size(count) for count in (1023, 1024, 12_345_678, 5 * 1024**3)] == [
        "1023 B",
        "1.0 KiB",
        "11.8 MiB",
        "5.0 GiB",
    ]
