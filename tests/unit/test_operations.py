"""docs/operations.md tells the truth where a program can tell: metrics, alerts, and where its links lead."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from service import metrics

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/operations.md").read_text()
ALERTS = yaml.safe_load((ROOT / "infra/docker/monitoring/alerts.yml").read_text())
LINK = re.compile(r"\]\((?P<file>[\w./-]*\.md)?(?:#(?P<place>[\w-]+))?\)")
Metric = Counter | Gauge | Histogram


def test_every_metric_is_told() -> None:
    """The table has each metric of every service as it is, and no other."""
    made = [metric for metric in vars(metrics).values() if isinstance(metric, Metric)]
    assert re.findall(r"^\| `mm_.*$", TEXT, re.MULTILINE) == [row(metric) for metric in made]


def row(metric: Metric) -> str:
    (family,) = type(metric).collect(metric)
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return f"| `{name}` | {family.type} | {', '.join(metric._labelnames)} | {family.documentation} |"


def test_every_alert_is_told() -> None:
    """The table has each alert of the Prometheus file, in its order, and no other."""
    named = [rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `([A-Z][A-Za-z]+)` \|", TEXT, re.MULTILINE) == named


@pytest.mark.parametrize("name", ["operations.md", "deployment.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Each link to a document, and to a place in one, leads to what is there."""
    for link in LINK.finditer((ROOT / "docs" / name).read_text()):
        target = ROOT / "docs" / (link["file"] or name)
        assert target.exists(), link[0]
        if link["place"]:
            places = [place(title) for title in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)]
            assert link["place"] in places, link[0]


def place(title: str) -> str:
    """The anchor that a title gets."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
