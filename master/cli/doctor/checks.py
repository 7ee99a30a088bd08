"""What `doctor` sees through the master: the way to it, its token, clocks, NATS, and every node's own report."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from events.status import Source
from events.wording import few
from master.cli.client.api import Master
from master.cli.doctor.finding import Finding, good, unknown, warning, wrong
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.fleet.views import CellState, NodeRow, NodeState, Overview

SKEW = timedelta(seconds=5)
TIGHT = 0.1  # of a disk free
MOST = 20  # nodes told of one by one


def check_master(master: Master, *, now: datetime) -> Iterator[Finding]:
    """The way to the master and its clock; nothing follows where it does not answer."""
    try:
        reply = master.transport.request("GET", "/readyz")
    except Failure as failure:
        yield wrong("master", str(failure), failure.advice)
        return
    if reply.status == 200:
        yield good("master", f"answers at {master.transport.url}")
    else:
        said = reply.body.decode("utf-8", "replace")[:200]
        yield wrong("master", f"answers at {master.transport.url}, but is {said}", "read its log")
    yield check_clock(reply.headers.get("date", ""), now=now)


def check_clock(date: str, *, now: datetime) -> Finding:
    """Compare the master's clock with the one here."""
    try:
        skew = abs(parsedate_to_datetime(date) - now)
    except ValueError:
        return unknown("clocks", "the master's answer bears no time")
    if skew > SKEW:
        advice = "set the clocks by NTP on both hosts: deadlines of commands and Google's sign-in depend on them"
        return wrong("clocks", f"the master's clock and the one here are {skew.total_seconds():.0f} s apart", advice)
    return good("clocks", "the master's clock and the one here agree")


def check_fleet(master: Master, *, now: datetime) -> tuple[list[Finding], list[NodeRow]]:
    """The token, NATS and the nodes; the nodes themselves are returned, too."""
    try:
        overview, nodes = master.overview(), master.nodes()
    except Failure as failure:
        subject = "token" if failure.code is Exit.NOT_ALLOWED else "master"
        return [wrong(subject, str(failure), failure.advice)], []
    return [
        good("token", "the master takes it"),
        *_nats(overview),
        *_nodes(nodes, now=now),
        *_models(overview, nodes),
        *_software(nodes),
        *_sources(nodes),
        *_unmanaged(overview),
    ], nodes


def _nats(overview: Overview) -> Iterator[Finding]:
    if overview.freshness.is_stale:
        advice = "check that nats-server runs and what the master's MM_NATS_URL says; nodes go on by polling"
        yield wrong("NATS", f"what the master shows is old: {overview.freshness.reason}", advice)
    for sentence in overview.warnings:
        yield wrong("NATS", sentence, "docs/nats.md has the limits and how to change them")
    if not (overview.freshness.is_stale or overview.warnings):
        yield good("NATS", "the master is connected, and what is kept there is set as it has to be")


def _nodes(nodes: list[NodeRow], *, now: datetime) -> Iterator[Finding]:
    if not nodes:
        yield wrong(
            "nodes", "no node has ever reported", "start puller and configurator, with the master's MM_NATS_URL"
        )
    findings = [finding for node in nodes for finding in _node(node, now=now)]
    yield from findings[:MOST]
    if len(findings) > MOST:
        yield wrong("nodes", f"{len(findings) - MOST} more findings about nodes", "`nodes` lists all of them")
    if nodes and not findings:
        who = f"all {len(nodes)} are" if len(nodes) > 1 else f"{nodes[0].node} is"
        yield good("nodes", f"{who} well, clocks and disks, too")


def _models(overview: Overview, nodes: list[NodeRow]) -> Iterator[Finding]:
    """What `status` says of models: quarantined, behind, stuck, mutated, and uploads that are passed over."""
    for sentence in overview.about_models:
        yield wrong("models", sentence, "`explain MODEL` says more")
    if overview.models and not overview.about_models:
        yield good("models", "all are served as desired, or on their way")
    if not overview.models and not overview.about_models:
        looked = {f"gs://{one.bucket}/{one.prefix}" for node in nodes for one in _looking(node)}
        for place in sorted(looked):
            advice = "upload a version as MODEL/NUMBER/…, or set MM_BUCKET and MM_PREFIX to where your models are"
            yield warning("models", f"there is nothing at all below {place}", advice)


def _looking(node: NodeRow) -> Iterator[Source]:
    """Where the node's puller looks, if its bucket answers."""
    for service in node.services:
        bucket = service.connections.get("bucket")
        if service.source and bucket and bucket.is_connected and not service.is_lost:
            yield service.source


def _node(node: NodeRow, *, now: datetime) -> Iterator[Finding]:
    if node.state is NodeState.LOST:
        lost = sentences.age(node.since, now=now)
        advice = f"look at the host; if it is gone for good: model-manager forget {node.node}"
        yield wrong(f"node {node.node}", f"lost since {lost}: {node.reason}", advice)
        return
    if node.state is NodeState.TROUBLED:
        yield wrong(f"node {node.node}", node.reason, f"`nodes {node.node}` shows its services")
    if any(service.reported - now > SKEW for service in node.services):
        yield wrong(f"node {node.node}", "its clock is ahead of the one here", "set the clocks by NTP")
    yield from _disk(node)


def _disk(node: NodeRow) -> Iterator[Finding]:
    disk = next((service.disk for service in node.services if service.disk), None)
    if disk is None:
        return
    advice = f"`retention --node {node.node}` removes older versions; or lower --keep, or give it more disk"
    left = f"{sentences.size(disk.free)} of {sentences.size(disk.total)} are free"
    if disk.free <= disk.reserve:
        yield wrong(
            f"node {node.node}", f"its disk is full: {left}, the reserve is {sentences.size(disk.reserve)}", advice
        )
    elif disk.free < TIGHT * disk.total:
        yield warning(f"node {node.node}", f"its disk is getting full: {left}", advice)


def _software(nodes: list[NodeRow]) -> Iterator[Finding]:
    versions = sorted({service.software for node in nodes for service in node.services if not service.is_lost})
    if len(versions) > 1:
        sentence = f"several versions of model.manager run: {', '.join(versions)}"
        yield warning("software", sentence, "fine during an update; otherwise finish it")


def _sources(nodes: list[NodeRow]) -> Iterator[Finding]:
    """Compare where pullers look and listen: what one of them does not see, its node never serves."""
    looks: defaultdict[str, list[str]] = defaultdict(list)
    topics: defaultdict[str, list[str]] = defaultdict(list)
    for node in nodes:
        for source in (service.source for service in node.services if service.source and not service.is_lost):
            looks[f"gs://{source.bucket}/{source.prefix}"].append(node.node)
            topics[source.topic or "no topic"].append(node.node)
    if len(looks) > 1:
        advice = "set MM_BUCKET and MM_PREFIX alike on all nodes; another cluster needs a NATS account of its own"
        yield wrong("buckets", f"pullers look at different places: {_groups(looks)}", advice)
    elif len(topics) > 1:
        advice = "set MM_PROJECT and MM_TOPIC alike; a node without notifications has new versions by its poll alone"
        yield warning("topics", f"pullers hear of new versions in different ways: {_groups(topics)}", advice)


def _unmanaged(overview: Overview) -> Iterator[Finding]:
    """Tell of models that a config file written by hand names; they are served, and nobody brings new versions."""
    count = sum(tally.count for tally in overview.cells if tally.state is CellState.NOT_MANAGED)
    if count:
        many = f"{count} are" if count > 1 else "one is"
        sentence = f"of the models on nodes, {many} not managed: a config file written by hand names them"
        yield warning(
            "models", sentence, "`status` lists them; docs/hand-made.md says how to take them over or let them go"
        )


def _groups(found: Mapping[str, Sequence[str]]) -> str:
    """Name groups, the smallest first: it is the one that is different."""
    groups = sorted(found.items(), key=lambda group: (len(group[1]), group[0]))
    return "; ".join(f"{what} on {few(sorted(names), most=3)}" for what, names in groups[:MOST])
