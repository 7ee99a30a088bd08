"""Which of what services report is trouble and which is on its way: one rule for page, `--check`, metrics and alerts.

What is on its way is trouble when it has been so for too long. Pure: time comes in as an argument.
"""

from datetime import datetime, timedelta
from typing import Final

from events.status import PulledVersion, ServedModel, ServedStage, ServedVersion, Stage

STUCK: Final = timedelta(minutes=15)
FAILING: Final = frozenset({Stage.FAILED, Stage.NO_SPACE, Stage.INVALID, Stage.UNTRUSTED})
COMING: Final = frozenset({Stage.SETTLING, Stage.WAITING, Stage.DOWNLOADING})


def is_stuck(since: datetime, now: datetime) -> bool:
    """Tell whether something has been on its way for too long."""
    return now - since >= STUCK


def is_stuck_before_disk(version: PulledVersion, now: datetime) -> bool:
    """Tell whether a version is uploaded or fetched for too long."""
    return (version.state in COMING or version.state is Stage.INCOMPLETE) and is_stuck(version.since, now)


def loading(model: ServedModel) -> ServedVersion | None:
    """Return the newest version that is loaded because it is desired; None where none is."""
    lines = (line for line in model.versions if line.state is ServedStage.LOADING and line.version in model.desired)
    return max(lines, key=lambda line: line.version, default=None)


def differs(model: ServedModel, now: datetime) -> bool:
    """Tell whether a model's difference is trouble: nothing moves towards its end, or that has taken too long."""
    if not model.difference:
        return False
    line = loading(model)
    since = line.since if line else model.differs_since if model.is_moving else None
    return since is None or is_stuck(since, now)
