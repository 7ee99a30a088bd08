"""What TensorFlow Serving is doing, and whether it had the time to act on the last reload. Pure.

Its manager starts and ends one thing after the other. A version that has loaded, and one that is to be unloaded, waits
until every request that began before has ended, and meanwhile the manager does nothing else, for any model. Nothing in
its answers tells such a wait from a load that takes its time. So what is to be given time counts only the time in which
nothing was loading or unloading, or ends once something else was seen to begin.
"""

from dataclasses import replace

from configurator.serving.applied_config import Key
from configurator.serving.states import State
from configurator.view import Activity, View

BUSY = {State.LOADING: "loading", State.UNLOADING: "unloading"}
WHOLE_SECONDS = 1.0  # between two whole looks
SPANS = ((3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
STEPS = (15, 30, 60, 120, 300, 600, 1200, 1800, 3600)  # seconds; whole hours follow


def note(view: View) -> View:
    """Take note of what has changed since the last look."""
    before, states = view.activity, {key: status.state for key, status in view.statuses.items()}
    began = [key for key, state in states.items() if state is not State.END and state is not before.states.get(key)]
    since = {
        key: before.since[key] if before.states.get(key) is states[key] else view.now
        for key in states
        if states[key] in BUSY
    }
    may_hold = any(not _is_given_up(view, key) for key in since)
    activity = Activity(
        states, since, acted=view.now if began else before.acted, occupied=view.now if may_hold else before.occupied
    )
    return replace(view, activity=activity)


def had_time(view: View, since: float, seconds: float) -> bool:
    """Tell whether TensorFlow Serving could act for so many seconds on what it was told at `since`."""
    activity = view.activity
    is_free = view.now - max(since, activity.occupied) >= seconds
    return is_free or activity.acted - since >= seconds + WHOLE_SECONDS  # it was seen so much later at most


def holder(view: View) -> Key | None:
    """Name the version that has been loading or unloading for longest, of those that were not given up."""
    keys = [key for key in view.activity.since if not _is_given_up(view, key)]
    return min(keys, key=lambda key: (view.activity.since[key], key), default=None)


def endless(view: View) -> tuple[Key, ...]:
    """Name the versions that were given up and are loading all the same: each keeps a load thread."""
    keys = (key for key in view.activity.since if view.activity.states[key] is State.LOADING)
    return tuple(sorted(key for key in keys if _is_given_up(view, key)))


def doing(view: View, key: Key) -> str:
    """Say what TensorFlow Serving does with a version, and for how long."""
    name, version = key
    state, since = view.activity.states[key], view.activity.since[key]
    return f"{BUSY[state]} version {version} of model {name}{lasting(view.now - since)}"


def suspected_before(view: View, key: Key) -> Key | None:
    """Find what is loaded before a version: those that may have taken TensorFlow Serving down come one at a time.

    So whoever it was is alone the next time, and no other version is blamed with it. None: it is the version's turn.
    """
    suspects = [
        (name, version)
        for (name, version), count in sorted(view.applied.crashes.items())
        if count and name in view.models and version in view.models[name].wanted - view.models[name].good
    ]
    return suspects[0] if key in suspects and suspects[0] != key else None


def lasting(seconds: float) -> str:
    """Put a time into words that change seldom, so that a report with them does too."""
    reached = [step for step in STEPS if seconds >= step]
    if not reached:
        return ""
    least = reached[-1] if seconds < STEPS[-1] else int(seconds // STEPS[-1]) * STEPS[-1]
    span, unit = next((span, unit) for span, unit in SPANS if least % span == 0)
    count = int(least // span)
    return f" for more than {count} {unit}{'s' if count > 1 else ''}"


def _is_given_up(view: View, key: Key) -> bool:
    return key[1] in view.models[key[0]].quarantined
