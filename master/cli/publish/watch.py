"""Whether a node looks for versions where one is about to be published. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from events.names import NodeName
from events.status import Source
from events.wording import few
from master.cli.publish.target import Target
from master.fleet.views import NodeRow

MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Watch:
    """Where the pullers of the nodes look; None for one that does not say."""

    sources: dict[NodeName, Source | None]


def watch_of(nodes: Iterable[NodeRow]) -> Watch:
    """Read where the nodes look."""
    return Watch(
        {node.node: service.source for node in nodes for service in node.services if service.service == "puller"}
    )


def unseen(watch: Watch, target: Target) -> str:
    """Say why no node would take the version; empty where one would, or where that cannot be known."""
    places = {node: source for node, source in watch.sources.items() if source is not None}
    if not places or len(places) < len(watch.sources):
        return ""
    if any((source.bucket, source.prefix) == (target.bucket, target.prefix) for source in places.values()):
        return ""
    looked_at: dict[str, list[NodeName]] = {}
    for node, source in sorted(places.items()):
        looked_at.setdefault(f"gs://{source.bucket}/{source.prefix}", []).append(node)
    told = "; ".join(f"{_named(nodes)} at {place}" for place, nodes in list(looked_at.items())[:MAX_NAMED])
    return f"no node looks at gs://{target.bucket}/{target.prefix} for models: {told}"


def _named(nodes: list[NodeName]) -> str:
    return f"{few(nodes, most=MAX_NAMED)} {'looks' if len(nodes) == 1 else 'look'}"
