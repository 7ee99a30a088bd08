"""Names of settings: a mistyped one is named at the start, with what was probably meant."""

import pytest

from service import process, settings, variables
from tests.unit.service.test_settings import Example

OWN = settings.names(Example)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("MM_POLL_SECOND", "did you mean MM_POLL_SECONDS?"),
        ("MM_BUKET", "did you mean MM_BUCKET?"),
        ("MM_bucket", "did you mean MM_BUCKET?"),
        ("mm_bucket", "did you mean MM_BUCKET?"),
        ("MM_NATS_PASSWORD_FILE", "did you mean MM_NATS_PASSWORD?"),
        ("MM_XYZZY", "--help lists the settings"),
    ],
)
def test_a_mistyped_name_is_named_with_what_was_meant(name: str, advice: str) -> None:
    """Upper and lower case count; what is like nothing is named, too."""
    assert variables.unknown(OWN, {name: "x"}) == {name: advice}


def test_what_another_part_reads_is_not_unknown() -> None:
    """The services of a host often share one environment; a variable without a value counts as not set."""
    shared = {"MM_BUCKET": "b", "MM_SERVING_ADDRESS": "s:1", "MM_TOKEN": "t", "MM_POLL_SECOND": "", "COMMAND": "x"}
    assert variables.unknown(OWN, shared) == {}


def test_names_from_outside_are_bounded_and_safe() -> None:
    """A name may hold anything, and there may be any number of them."""
    found = variables.unknown(OWN, {f"MM_{number}\x1b[2J\n{'x' * 500}": "x" for number in range(100)})
    assert len(found) == variables.MOST_NAMED
    assert all(len(name) <= variables.MOST_LETTERS and name.isprintable() for name in found)


def test_a_program_names_unknown_settings_before_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each in the log, never with the value; the program runs all the same."""
    given = {"MM_BUCKET": "b", "MM_NODE": "n1", "MM_NATS_PASWORD": "hunter2"}

    async def program() -> None:
        assert "MM_NATS_PASWORD" in capsys.readouterr().err

    loaded = settings.load(Example, given)
    assert process.launch(loaded, given, program=program) == 0
    assert "hunter2" not in capsys.readouterr().err
