"""Reports, documents and folds for tests of the master, in few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from events.desired import Desired, Policy
from events.names import ModelName, NodeName, Version
from infra.local.fleet_report import Simulated, Speaker, report
from master.fleet.queries import FleetQueries
from master.fleet.state import FleetState
from master.fleet.stored import Stored

START = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = ModelName("m")
PULLER, CONFIGURATOR = "puller", "configurator"


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def versions(*numbers: int) -> tuple[Version, ...]:
    """Version numbers."""
    return tuple(Version(number) for number in numbers)


def serving(*on_disk: int, **fields: object) -> Simulated:
    """A model of which the last of these versions is served."""
    simulated = Simulated(on_disk=versions(*on_disk), serving=versions(*on_disk[-1:]), since=START)
    return Simulated(**{**{name: getattr(simulated, name) for name in Simulated.__slots__}, **fields})


def said(
    node: str, service: str, models: Mapping[ModelName, Simulated], *, seconds: float = 0.0, http: str = ""
) -> bytes:
    """A service's report, made so many seconds after the start."""
    return report(Speaker(NodeName(node), service, START, at(seconds), http), models)


def tell(fold: FleetState, node: str, models: Mapping[ModelName, Simulated], *, seconds: float = 0.0) -> None:
    """Have both services of a node report and show a sign of life."""
    for service in (PULLER, CONFIGURATOR):
        fold.report(NodeName(node), service, said(node, service, models, seconds=seconds))
        fold.alive(NodeName(node), service)


def lose(fold: FleetState, node: str, *, seconds: float = 0.0) -> None:
    """Have both services of a node fall silent."""
    for service in (PULLER, CONFIGURATOR):
        fold.silent(NodeName(node), service, at(seconds))


def fleet_of(nodes: Mapping[str, Simulated]) -> FleetQueries:
    """A fleet with one model."""
    fold = FleetState()
    for node, simulated in nodes.items():
        tell(fold, node, {MODEL: simulated})
    fold.know_presence()
    return FleetQueries(fold)


def stored(policy: Policy, *, revision: int = 1, **nodes: Policy) -> Stored:
    """A document."""
    own = {NodeName(name): own for name, own in nodes.items()}
    return Stored(document=Desired(policy=policy, nodes=own), revision=revision)
