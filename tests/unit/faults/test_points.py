"""Steps are named by what is done to what."""

from pathlib import Path

import pytest

from infra.local.faults.points import what

MODELS = Path("/models")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "models folder"),
        ("models.config", "config"),
        (".models.config.0a1b.new", "config"),
        ("m", "model"),
        ("m/1", "version"),
        ("m/1/variables/x", "version"),
        (".model-manager", "own"),
        (".model-manager/stage/m", "stage"),
        (".model-manager/stage/m/1", "stage"),
        (".model-manager/stage/m/1/saved_model.pb", "stage"),
        (".model-manager/stage/m/1.journal", "journal"),
        (".model-manager/receipts/m/1.json", "receipt"),
        (".model-manager/quarantine/m", "quarantine"),
        (".model-manager/trash/m.1.x", "trash"),
        (".model-manager/last-good.config", "good"),
        (".model-manager/.last-good.config.x.new", "good"),
        (".model-manager/desired.puller.json", "desired"),
    ],
)
def test_a_path_has_a_name(path: str, name: str) -> None:
    """The kind of thing, whatever its number."""
    assert what(MODELS / path, MODELS) == name


def test_other_paths_have_none() -> None:
    """What is not on the models disk is not disturbed."""
    assert what(Path("/tmp/x"), MODELS) == ""  # noqa: S108 - a name
