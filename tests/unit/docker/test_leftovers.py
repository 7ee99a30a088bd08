"""A killed test run of the containers leaves nothing for good."""

from tests.compose.leftovers import orphans, project


def test_only_stacks_of_dead_runs_are_orphans() -> None:
    """The stack of a run that lives, and stacks of anybody else, are left alone."""
    names = [project(7), project(8), "mm-test-mine", "model-manager", "8"]
    assert orphans(names, alive={"8", "self"}) == {project(7)}
