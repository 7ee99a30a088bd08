"""The stack file holds what docs/swarm.md promises, and agrees with what the tool gives it."""

import re
from pathlib import Path

import pytest
import yaml

from configurator.settings import ConfiguratorSettings
from infra.swarm import inputs, render
from infra.swarm.deploy import ONCE, ONCE_CONTENTS, STACK_FILE
from infra.swarm.render import LABELS, Node
from master.settings import MasterSettings
from puller.settings import PullerSettings
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
TEXT = STACK_FILE.read_text()
STACK = yaml.safe_load(TEXT)
SERVICES = STACK["services"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
NODES = [Node(name, name, "worker", "ready", "active", dict.fromkeys(LABELS, "yes"), 8, 8) for name in "abc"]
ON_EVERY_NODE = ("puller", "configurator", "tfserving")
LONG_LIVED = sorted(SERVICES.keys() - {"streams"})


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_has_rights_it_does_not_need(name: str) -> None:
    """Every container runs with a read-only root and without capabilities, and all but NATS as nobody in particular."""
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["read_only"]
    assert SERVICES[name]["init"]
    assert name == "nats" or SERVICES[name]["user"] == "10001:10001"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_needs_the_mesh(name: str) -> None:
    """No virtual addresses, and ports are the host's own."""
    assert SERVICES[name]["deploy"]["endpoint_mode"] == "dnsrr"
    assert all(port["mode"] == "host" for port in SERVICES[name].get("ports", []))


def networks(name: str) -> list[str]:
    """The networks of a service."""
    return list(SERVICES[name]["networks"])


def test_tensorflow_serving_meets_its_own_node_alone() -> None:
    """A model that turns against us finds nothing of ours in its network; its configurator comes by a socket."""
    assert networks("tfserving") == ["bridge"]
    assert STACK["networks"]["bridge"] == {"external": True, "name": "bridge"}
    assert all(networks(name) == ["cluster"] for name in SERVICES if name != "tfserving")
    socket = SERVICES["configurator"]["environment"]["MM_SERVING_ADDRESS"].removeprefix("unix:")
    assert f"--grpc_socket_path={socket}" in SERVICES["tfserving"]["command"]
    having = [
        name
        for name in sorted(SERVICES)
        if any(volume.get("source") == "serving" for volume in SERVICES[name].get("volumes", []))
    ]
    assert having == ["configurator", "tfserving"]
    assert "mode=0700" in STACK["volumes"]["serving"]["driver_opts"]["o"]


def test_the_admin_key_is_where_it_is_removed_again() -> None:
    """Only what runs once has it, and the tool removes that together with its key."""
    having = {name for name in SERVICES for one in SERVICES[name].get("secrets", []) if one["source"] == "nats_admin"}
    assert having == set(ONCE)
    own = [one["source"] for name in ONCE for kind in ("configs", "secrets") for one in SERVICES[name].get(kind, [])]
    others = [
        one["source"] for name in LONG_LIVED for kind in ("configs", "secrets") for one in SERVICES[name].get(kind, [])
    ]
    assert set(own) - set(others) == ONCE_CONTENTS


@pytest.mark.parametrize("name", LONG_LIVED)
def test_update_goes_one_by_one_and_back_where_it_fails(name: str) -> None:
    """A bad image or setting reaches one task of a service, and then is taken back."""
    update = SERVICES[name]["deploy"]["update_config"]
    assert (update["parallelism"], update["order"], update["failure_action"]) == (1, "stop-first", "rollback")
    assert SERVICES[name]["deploy"]["rollback_config"]["parallelism"] == 1


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"tfserving"}))
def test_only_tensorflow_serving_is_without_limits(name: str) -> None:
    """What the others may take of a node is bounded, so that the rest is TensorFlow Serving's."""
    assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "limits" not in SERVICES["tfserving"]["deploy"]["resources"]


@pytest.mark.parametrize("name", ON_EVERY_NODE)
def test_a_node_s_parts_are_on_every_serving_node(name: str) -> None:
    """Puller, configurator and TensorFlow Serving stand together over the node's own volume."""
    assert SERVICES[name]["deploy"]["mode"] == "global"
    assert SERVICES[name]["deploy"]["placement"]["constraints"] == ["node.labels.mm.serving == yes"]
    assert [mount["target"] for mount in SERVICES[name]["volumes"] if mount.get("source") == "models"] == ["/models"]


def test_tensorflow_serving_has_the_flags_of_the_compose_file() -> None:
    """There is one set of flags that the configurator is made for; here it comes by a socket besides."""
    flags = [flag for flag in SERVICES["tfserving"]["command"] if not flag.startswith("--grpc_socket_path=")]
    assert flags == COMPOSE["tfserving-node-a"]["command"]


def test_labels_are_those_that_the_tool_asks_for() -> None:
    """Every placement is by a label that the tool checks before it deploys."""
    constraints = [
        one for service in SERVICES.values() for one in service["deploy"].get("placement", {}).get("constraints", [])
    ]
    assert {re.fullmatch(r"node\.labels\.(\S+) == yes", one)[1] for one in constraints} == set(LABELS)  # type: ignore[index] # no match fails the test


def test_every_config_and_secret_is_one_that_the_tool_gives(tmp_path: Path) -> None:
    """What services name is what the tool renders: nothing is lacking, nothing is idle."""
    for source in inputs.SOURCES:
        path = tmp_path / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    given = {(one.kind, one.name) for one in inputs.read_contents(tmp_path, render.places(NODES))}
    used = {
        (kind, one["source"])
        for service in SERVICES.values()
        for kind in ("configs", "secrets")
        for one in service.get(kind, [])
    }
    assert used == given


def test_every_variable_has_a_default_or_is_given() -> None:
    """Beside what the tool knows itself, image and bucket are all that a person must set."""
    required = set(re.findall(r"\$\{(MM_\w+)\}", TEXT))
    assert required == {*inputs.REQUIRED, *render.variables(render.places(NODES), {})}


@pytest.mark.parametrize(
    ("name", "settings"),
    [("puller", PullerSettings), ("configurator", ConfiguratorSettings), ("master", MasterSettings)],
)
def test_settings_are_those_of_the_services(name: str, settings: type[Settings]) -> None:
    """No variable is one that the service does not know."""
    known = {f"MM_{field.upper()}" for field in settings.model_fields}
    assert set(SERVICES[name]["environment"]) <= known


def test_docs_name_every_variable() -> None:
    """docs/swarm.md has a row for each setting of the stack."""
    told = (ROOT / "docs/swarm.md").read_text()
    assert set(re.findall(r"\$\{(MM_\w+)", TEXT)) - set(render.variables(render.places(NODES), {})) <= set(
        re.findall(r"MM_\w+", told)
    )
