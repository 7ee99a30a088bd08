"""Forgetting lost nodes: off the view of all masters, and with them the policies that were theirs alone.

A policy that stays behind would be followed by whoever gets that name next. What is dropped is said, and on record; a
node that was renamed can so be given its pin again.
"""

from datetime import datetime, timedelta

from events import subjects
from events.desired import Desired
from events.messages import ChangeMade, CommandSent
from events.names import ModelName, NodeName
from master.desired.store import DesiredDocuments
from master.errors import Conflict, NotFound, Refused, Spoiled
from master.fleet import explain, nodes
from master.fleet.state import FleetState
from master.fleet.views import NodeState
from service import jetstream, logs
from service.bus import REPLY_SECONDS, Bus

log = logs.get("master.forgetting")

TRIES = 5  # against others who change the same model at the same time


class Forgetting:
    """Drops lost nodes, when somebody says so or after a time."""

    def __init__(self, fleet_state: FleetState, documents: DesiredDocuments, bus: Bus) -> None:
        self._state = fleet_state
        self._documents = documents
        self._bus = bus

    async def forget(self, node: NodeName, *, actor: str) -> tuple[str, ...]:
        """Drop a lost node and say which policies of its own went with it.

        `NotFound`, `Refused` while it is there, `Transient`.
        """
        verdict = self._state.find(node).verdict
        if verdict.state is not NodeState.LOST:
            reason = f" ({verdict.reason})" if verdict.reason else ""
            raise Refused(f"node {node} is {verdict.state}{reason}; only a lost node can be forgotten")
        dropped = [await self._drop(model, node, actor=actor) for model in _with_policy(self._state, node)]
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        with jetstream.errors(f"forget node {node}"):
            for name in (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET):
                bucket = await jetstream.bucket(stream, name)
                for service in nodes.SERVICES:
                    await bucket.delete(subjects.status_key(node, service))
        for service in nodes.SERVICES:
            self._state.forget(node, service)
        self._bus.emit(CommandSent(actor=actor, command="forget", nodes=(node,)))
        return tuple(dropped)

    async def forget_old(self, *, days: float, now: datetime) -> None:
        """Drop all nodes that are lost for more than so many days; none where that is 0."""
        if not days:
            return
        for node in overdue(self._state, after=timedelta(days=days), now=now):
            try:
                dropped = await self.forget(node, actor="master")
            except (NotFound, Refused):  # another master was faster, or the node is back
                continue
            log.warning("lost node forgotten", node=node, days=days, policies=list(dropped))

    async def _drop(self, model: ModelName, node: NodeName, *, actor: str) -> str:
        for attempt in range(TRIES):
            try:
                stored = await self._documents.read(model)
            except Spoiled as error:
                return f"model {model}: its document cannot be read and was left as it is: {error}"
            policy = stored.document.nodes.get(node)
            if policy is None:
                return f"model {model}: the policy of {node} was dropped by somebody else"
            wanted = f"{explain.wants(policy)} on {node}"
            left = {name: own for name, own in stored.document.nodes.items() if name != node}
            change = ChangeMade(
                model=model,
                actor=actor,
                command="forget",
                summary=f"model {model}: the policy of forgotten node {node} was dropped: {wanted}",
                nodes=(node,),
                revision_before=stored.revision,
                revision=0,
            )
            try:
                await self._documents.write(Desired(policy=stored.document.policy, nodes=left), change)
            except Conflict:
                if attempt == TRIES - 1:
                    raise
                continue
            return f"model {model}: {wanted}"
        raise AssertionError("the last try returns or raises")


def overdue(fleet_state: FleetState, *, after: timedelta, now: datetime) -> tuple[NodeName, ...]:
    """Name the nodes that are lost for longer than that."""
    verdicts = ((name, node.verdict) for name, node in fleet_state.nodes.items())
    return tuple(name for name, verdict in verdicts if verdict.state is NodeState.LOST and now - verdict.since > after)


def _with_policy(fleet_state: FleetState, node: NodeName) -> tuple[ModelName, ...]:
    return tuple(name for name, model in sorted(fleet_state.models.items()) if node in model.stored.document.nodes)
