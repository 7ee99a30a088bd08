"""What the manager does next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tfserving.policy import Load, Snapshot, Stage, Unload, model_action, next_action
from infra.tfserving.versions import ServableId

NEW, LOADING, READY, UNLOADING, ENDED = Stage.NEW, Stage.LOADING, Stage.READY, Stage.UNLOADING, Stage.ENDED
WANTED, LEFT = True, False

Row = tuple[int, Stage, bool]


def table(*rows: Row, model: str = "m") -> list[Snapshot]:
    """Return a table of one model's versions."""
    return [Snapshot(ServableId(model, version), stage, is_aspired) for version, stage, is_aspired in rows]


def load(version: int, model: str = "m") -> Load:
    """Return the action to load."""
    return Load(ServableId(model, version))


def unload(version: int, model: str = "m") -> Unload:
    """Return the action to unload."""
    return Unload(ServableId(model, version))


@pytest.mark.parametrize(
    ("rows", "action"),
    [
        ([], None),
        ([(1, NEW, WANTED)], load(1)),
        ([(1, NEW, WANTED), (2, NEW, WANTED)], load(2)),
        ([(1, READY, WANTED)], None),
        ([(1, READY, LEFT), (2, NEW, WANTED)], load(2)),
        ([(1, READY, LEFT), (2, LOADING, WANTED)], None),
        ([(1, READY, LEFT), (2, ENDED, WANTED)], None),
        ([(1, READY, LEFT), (2, READY, WANTED)], unload(1)),
        ([(1, READY, LEFT), (2, READY, LEFT), (3, NEW, WANTED)], unload(1)),
        ([(1, READY, LEFT), (2, READY, LEFT)], unload(1)),
        ([(1, READY, LEFT)], unload(1)),
        ([(1, UNLOADING, LEFT), (2, READY, WANTED)], None),
        ([(1, NEW, LEFT)], None),
        ([(1, ENDED, WANTED)], None),
    ],
)
def test_a_model_stays_available(rows: list[Row], action: Load | Unload | None) -> None:
    """The new is loaded first, and the last old one goes only when a wanted one is ready or none is wanted."""
    assert model_action(table(*rows)) == action


def test_any_unload_comes_before_any_load() -> None:
    """Over all models."""
    rows = table((1, NEW, WANTED), model="a") + table((1, READY, LEFT), model="z")
    assert next_action(rows) == unload(1, "z")


def test_models_are_loaded_in_the_order_of_their_names() -> None:
    """One action at a time."""
    rows = table((1, NEW, WANTED), model="z") + table((1, NEW, WANTED), model="a")
    assert next_action(rows) == load(1, "a")


ROWS = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(Stage), st.booleans()), unique_by=lambda row: row[0], max_size=6
)


@given(ROWS)
def test_nothing_wanted_is_unloaded_and_nothing_served_is_loaded(rows: list[Row]) -> None:
    """Whatever the table holds."""
    by_version = {version: (stage, is_aspired) for version, stage, is_aspired in rows}
    match model_action(table(*rows)):
        case Load(id=servable):
            assert by_version[servable.version] == (NEW, WANTED)
        case Unload(id=servable):
            assert by_version[servable.version] == (READY, LEFT)
        case None:
            pass


@given(ROWS)
def test_a_model_with_a_wanted_version_never_loses_its_last_ready_one(rows: list[Row]) -> None:
    """Unloading leaves another ready version behind."""
    ready = {version for version, stage, _ in rows if stage is READY}
    action = model_action(table(*rows))
    if isinstance(action, Unload) and any(is_aspired for _, _, is_aspired in rows):
        assert ready - {action.id.version}
