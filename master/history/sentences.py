"""Events in words, for the history. Pure."""

from collections.abc import Callable, Mapping, Sequence

from events import messages as m
from events import subjects
from events.messages import Event
from events.names import NodeName
from master.fleet.explain import listed, made

MIB = 1024 * 1024
MOST_NAMED = 20  # nodes in a sentence


def sentence(event: Event) -> str:
    """Say what happened."""
    return _SENTENCES[type(event)](event)


def where(nodes: Sequence[NodeName], more: int = 0) -> str:
    """Name the nodes, the first few of many; `more` of them are not listed."""
    if not nodes:
        return "all nodes"
    named = ", ".join(nodes[:MOST_NAMED])
    left = len(nodes) - MOST_NAMED + more
    return f"node{'s' if len(nodes) > 1 else ''} {named}{f' and {left:,} more' if left > 0 else ''}"


def _changed(event: m.ChangeMade) -> str:
    why = f" ({event.reason})" if event.reason else ""
    before = f"; before: {event.before}" if event.before else ""
    unnamed = _unnamed(event) if event.more_nodes else ""
    return f"{event.actor or 'somebody'} changed {event.summary}{why}{before}{unnamed}"


def _unnamed(event: m.ChangeMade) -> str:
    """Say where to find the nodes of a change that its record has no room for."""
    key = f"{subjects.DESIRED_BUCKET} {subjects.desired_key(event.model)}"
    return (
        f"; {event.more_nodes:,} of the nodes are not named on record: they are what differs between the documents of"
        f" revisions {event.revision_before} and {event.revision}, while NATS has these"
        f" (nats kv get {key} --revision {event.revision})"
    )


def _about(words: str) -> Callable[..., str]:
    """Make a sentence about a version that needs no more words."""
    return lambda event: f"version {event.version} of {event.model} {words}"


def _because(words: str) -> Callable[..., str]:
    return lambda event: f"version {event.version} of {event.model} {words}: {event.reason}"


def _mib(size: float) -> str:
    return f"{size / MIB:.1f} MiB"


def _attested(event: m.ModelAttested) -> str:
    named = listed([version.version for version in event.served[:MOST_NAMED]]) if event.served else "no version"
    return f"{named}{' and more' if event.others or len(event.served) > MOST_NAMED else ''}"


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
    m.ModelAttested: lambda event: f"{event.node} signed that it serves {_attested(event)} of {event.model}",
    m.ServingLost: lambda event: f"TensorFlow Serving does not answer: {event.reason}",
    m.ServingStarted: lambda _: "TensorFlow Serving is there",
    m.ChangeMade: _changed,
    m.CommandSent: lambda event: (
        f"{event.actor or 'somebody'} sent {event.command} to {where(event.nodes, event.more_nodes)}"
    ),
}
