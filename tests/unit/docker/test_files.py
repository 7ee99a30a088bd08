"""The compose file, the Dockerfiles and the monitoring files hold what docs/deployment.md promises."""

import json
import re
import tomllib
from pathlib import Path

import prometheus_client
import pytest
import yaml

import service.metrics  # noqa: F401 - registers all metrics there are
from infra.docker.offline.images import TAGS
from service.version import __version__

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "infra/docker"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = sorted(
    name for name, one in SERVICES.items() if str(one["image"]).startswith(("${MM_IMAGE", "model-manager/tests"))
)
DOCKERFILES = ("Dockerfile", "Dockerfile.tfserving")
MONITORING = DOCKER / "monitoring"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_loopback_only(name: str) -> None:
    """No port of the compose file can be reached from another host."""
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"tfserving-image"}))
def test_no_service_has_rights_it_does_not_need(name: str) -> None:
    """Every container runs without capabilities, and cannot get any."""
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[name]["init"]
    assert "privileged" not in SERVICES[name]


@pytest.mark.parametrize("name", [*OURS, "tfserving-node-a", "tfserving-node-b"])
def test_our_programs_are_nobody_on_a_read_only_root(name: str) -> None:
    """Our own programs and TensorFlow Serving run as an ordinary user and write to their volume alone."""
    assert SERVICES[name]["read_only"]
    assert SERVICES[name]["user"] == "10001:10001"


@pytest.mark.parametrize("part", ["puller", "configurator", "tfserving"])
def test_the_two_nodes_are_alike(part: str) -> None:
    """What is said of node-a is said of node-b, but for names and ports."""
    a, b = (json.dumps(SERVICES[f"{part}-node-{letter}"], sort_keys=True) for letter in "ab")
    plain = re.sub(r"\$\{MM_NODE_[AB]_(GRPC|REST)_PORT:-\d+\}", r"\1", a).replace("node-a", "X").replace("node_a", "X")
    assert plain == re.sub(r"\$\{MM_NODE_[AB]_(GRPC|REST)_PORT:-\d+\}", r"\1", b).replace("node-b", "X").replace(
        "node_b", "X"
    )


def test_offline_images_have_the_names_that_are_asked_for() -> None:
    """What the offline tool builds is what the compose file and the Dockerfiles take by default."""
    made = {tag for tags in TAGS.values() for tag in tags}
    asked = {match for one in SERVICES.values() for match in re.findall(r"^\$\{MM_\w+_IMAGE:-(.+)\}$", one["image"])}
    asked |= {
        match for name in DOCKERFILES for match in re.findall(r"^FROM (\S+:\S+)", (DOCKER / name).read_text(), re.M)
    }
    assert {image for image in asked if not image.startswith(("prom/", "grafana/"))} <= made


def test_dockerfiles_share_the_stage_with_the_large_download() -> None:
    """The builder's cache knows the stage of one file again in the other only if every word is the same."""
    stages = [
        re.search(r"^FROM .* AS wheel\n.*?(?=\n\n# ---)", (DOCKER / name).read_text(), re.M | re.S)
        for name in DOCKERFILES
    ]
    assert stages[0]
    assert stages[1]
    assert stages[0].group() == stages[1].group()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_dockerfiles_suit_the_classic_builder(name: str) -> None:
    """They build with docker-compose 1.29 and engine 20.10; what runs is no root, and has a health check."""
    text = (DOCKER / name).read_text()
    instructions = [line for line in text.splitlines() if not line.startswith("#")]
    assert not any(re.search(r"RUN --mount|COPY --chmod|<<", line) for line in instructions)
    assert not text.startswith("# syntax")
    assert "USER 10001:10001" in instructions
    assert "HEALTHCHECK" in text
    assert "org.opencontainers.image.revision" in text


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bmm_[a-z_]+", text))


def known_metrics() -> set[str]:
    samples = {metric.name for metric in prometheus_client.REGISTRY.collect() if metric.name.startswith("mm_")}
    return {f"{name}{suffix}" for name in samples for suffix in ("", "_total", "_bucket", "_sum", "_count")}


@pytest.mark.parametrize("file", ["alerts.yml", "grafana/model-manager.json"])
def test_monitoring_asks_for_metrics_that_there_are(file: str) -> None:
    """An alert or a panel over a metric that nobody has would be silent for ever."""
    asked = names_in((MONITORING / file).read_text())
    assert asked
    assert asked <= known_metrics()


def test_dashboard_panels_are_whole() -> None:
    """Each panel has a place, a title and a query on the provisioned source."""
    panels = json.loads((MONITORING / "grafana/model-manager.json").read_text())["panels"]
    source = yaml.safe_load((MONITORING / "grafana/datasources.yml").read_text())["datasources"][0]["uid"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert panel["targets"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_prometheus_asks_every_service() -> None:
    """Each program of ours and each TensorFlow Serving of the compose file is scraped, at its port."""
    jobs = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in jobs for static in job["static_configs"] for target in static["targets"]}
    ports = {"puller": 8001, "configurator": 8002, "tfserving": 8501, "master": 8000}
    running = [name for name in SERVICES if name.partition("-")[0] in ports and name != "tfserving-image"]
    assert targets == {f"{name}:{ports[name.partition('-')[0]]}" for name in running}


def test_alerts_say_what_is_wrong() -> None:
    """Each alert has an expression, a severity and words."""
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["expr"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert rule["annotations"]["summary"]


def test_the_version_is_found_by_whoever_builds_the_distribution() -> None:
    """The builder reads it by a pattern, without running the code."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]
    text = (ROOT / found["path"]).read_text()
    matched = re.search(found["pattern"], text, re.MULTILINE)
    assert matched
    assert matched["version"] == __version__
