"""The files that have nodes ask for signatures, beside the compose file and the stack."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from puller.settings import PullerSettings

ROOT = Path(__file__).parents[3]
PAIRS = {"infra/docker/signatures.yml": "docker-compose.yml", "infra/swarm/signatures.yml": "infra/swarm/stack.yml"}


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return document


@pytest.mark.parametrize("name", PAIRS)
def test_they_set_what_a_puller_knows_on_every_puller(name: str) -> None:
    """Each puller of the file beside it gets both settings, and the folder where they say it is."""
    pullers = {service for service in read(PAIRS[name])["services"] if service.startswith("puller")}
    services = read(name)["services"]
    assert services.keys() == pullers
    for service in services.values():
        assert {variable.removeprefix("MM_").lower() for variable in service["environment"]} <= {
            *PullerSettings.model_fields
        }
        folder = service["environment"]["MM_SIGNATURE_POLICY"]
        mounts = [*service.get("volumes", []), *(one["target"] for one in service.get("configs", []))]
        assert mounts
        assert all(folder in mount for mount in mounts)


@pytest.mark.parametrize("name", PAIRS)
def test_they_require_signatures(name: str) -> None:
    """Whoever adds the file means it."""
    modes = [service["environment"]["MM_SIGNATURES"] for service in read(name)["services"].values()]
    assert all("require" in mode for mode in modes)
