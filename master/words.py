"""Changes and events in words, for the history and for answers. Pure."""

from collections.abc import Callable, Mapping, Sequence

from events import changes as wire
from events import messages as m
from events import subjects
from events.desired import Desired
from events.messages import Event
from events.names import ModelName, NodeName, Version
from master.explain import listed, made
from master.requests import Step

MIB = 1024 * 1024
MOST_NAMED = 20  # nodes in a sentence


def summary(model: ModelName, steps: Sequence[Step]) -> str:
    """Say what steps do to a model."""
    return "; ".join(f"model {model} on {_where(step.nodes)}: {_did(step)}" for step in steps)


def sentence(event: Event) -> str:
    """Say what happened."""
    return _SENTENCES[type(event)](event)


def _where(nodes: Sequence[NodeName], more: int = 0) -> str:
    if not nodes:
        return "all nodes"
    named = ", ".join(nodes[:MOST_NAMED])
    left = len(nodes) - MOST_NAMED + more
    return f"node{'s' if len(nodes) > 1 else ''} {named}{f' and {left:,} more' if left > 0 else ''}"


def _changed(event: m.ChangeMade) -> str:
    why = f" ({event.reason})" if event.reason else ""
    return f"{event.actor or 'somebody'} changed {event.summary}{why}{_unnamed(event) if event.more_nodes else ''}"


def _unnamed(event: m.ChangeMade) -> str:
    """Say where to find the nodes of a change that its record has no room for."""
    key = f"{subjects.DESIRED_BUCKET} {subjects.desired_key(event.model)}"
    return (
        f"; {event.more_nodes:,} of the nodes are not named on record: they are what differs between the documents of"
        f" revisions {event.revision_before} and {event.revision}, while NATS has these"
        f" (nats kv get {key} --revision {event.revision})"
    )


def _did(step: Step) -> str:
    match step.change:
        case Desired():
            return "desired document put in place"
        case wire.Rollback(version=version) if version is not None:
            return _rolled_back(step, version)
        case change:
            return _CHANGES[type(change)](change)


def _rolled_back(step: Step, to: Version) -> str:
    left = f" from {listed(step.left)}" if step.left else ""
    labels = f", label{'s' if len(step.labels) > 1 else ''} {', '.join(step.labels)} with it" if step.labels else ""
    return f"pinned to version {to} by rollback{left}{labels}"


def _about(words: str) -> Callable[..., str]:
    """Make a sentence about a version that needs no more words."""
    return lambda event: f"version {event.version} of {event.model} {words}"


def _because(words: str) -> Callable[..., str]:
    return lambda event: f"version {event.version} of {event.model} {words}: {event.reason}"


def _mib(size: float) -> str:
    return f"{size / MIB:.1f} MiB"


_CHANGES: Mapping[type, Callable[..., str]] = {
    wire.Pin: lambda change: f"pinned to {listed(change.versions)}",
    wire.Unpin: lambda change: f"follows the newest {'version' if change.count == 1 else f'{change.count} versions'}",
    wire.Rollback: lambda _: "rolled back",
    wire.Pull: lambda change: f"version {change.version} kept on disk",
    wire.Unpull: lambda change: f"version {change.version} not kept on disk any more",
    wire.Pause: lambda _: "updates paused",
    wire.Resume: lambda _: "updates resumed",
    wire.SetLabel: lambda change: (
        f"label {change.label} taken away"
        if change.version is None
        else f"label {change.label} points at version {change.version}"
    ),
    wire.Retry: lambda change: f"version {change.version} is tried again",
    wire.RemoveVersion: lambda change: f"version {change.version} removed",
    wire.RemoveModel: lambda _: "removed",
    wire.ForgetModel: lambda _: "forgotten",
    wire.Restore: lambda change: "restored" if change.version is None else f"version {change.version} restored",
    wire.Retention: lambda change: (
        "retention as each node is set"
        if change.count is None
        else f"keeps {change.count} older version{'' if change.count == 1 else 's'}"
    ),
}
_SENTENCES: Mapping[type, Callable[..., str]] = {
    m.NotificationReceived: lambda event: (
        f"heard of {event.object_name} of {event.model} (generation {event.generation})"
    ),
    m.VersionIncomplete: _because("is incomplete"),
    m.VersionMutated: _because("changed in the bucket after it was published"),
    m.DownloadStarted: lambda event: f"{_about('is fetched')(event)}: {event.files} files, {_mib(event.bytes_total)}",
    m.DownloadProgress: lambda event: (
        f"{_about('is fetched')(event)}: {_mib(event.bytes_done)} of {_mib(event.bytes_total)}"
        f" at {_mib(event.bytes_per_second)}/s"
    ),
    m.DownloadFinished: lambda event: (
        f"{_about('is staged')(event)} in {event.seconds:.1f} s: {_mib(event.bytes_moved)} moved,"
        f" {_mib(event.bytes_linked)} linked, {_mib(event.bytes_resumed)} resumed"
        + (f", {_mib(event.bytes_from_neighbours)} from neighbours" if event.bytes_from_neighbours else "")
    ),
    m.NeighbourLied: _because("came wrong from a neighbour"),
    m.DownloadFailed: _because("could not be fetched"),
    m.VersionVerified: lambda event: f"{_about('is verified')(event)}: {event.files} files, {_mib(event.bytes)}",
    m.VersionPublished: lambda event: f"{_about('is on disk')(event)}{made(event.signed_by, event.provenance)}",
    m.VersionExtended: lambda event: (
        f"{_about('has more files')(event)}: {event.files} came after it was published, {_mib(event.bytes)}"
    ),
    m.VersionRefused: _because("cannot be used"),
    m.NoSpace: lambda event: (
        f"{_about('does not fit the disk')(event)}: {_mib(event.bytes_needed)} needed, {_mib(event.bytes_free)} free"
    ),
    m.ReloadSent: lambda event: f"TensorFlow Serving was told to serve {listed(event.versions)} of {event.model}",
    m.ReloadFailed: lambda event: f"the reload{f' for {event.model}' if event.model else ''} failed: {event.reason}",
    m.VersionAvailable: lambda event: f"{_about('is available')(event)}, {event.seconds:.1f} s after the reload",
    m.SmokePassed: _about("answered its sample right"),
    m.VersionServed: lambda event: _about(
        "is served, and answered its sample right" if event.has_sample else "is served"
    )(event),
    m.VersionQuarantined: _because("went into quarantine"),
    m.LoadEndless: _because("is loading without end"),
    m.VersionUnloaded: _about("is unloaded"),
    m.VersionRemoved: _because("was removed from disk"),
    m.ServingLost: lambda event: f"TensorFlow Serving does not answer: {event.reason}",
    m.ServingStarted: lambda _: "TensorFlow Serving is there",
    m.ChangeMade: _changed,
    m.CommandSent: lambda event: (
        f"{event.actor or 'somebody'} sent {event.command} to {_where(event.nodes, event.more_nodes)}"
    ),
}
