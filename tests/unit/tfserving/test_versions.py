"""Which children of a base path become versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.tfserving.versions import Candidate, Policy, ServableId, choose, duplicates, parse_version


def specific(*versions: int) -> Policy:
    """Return a policy of specific versions."""
    return Policy(specific=Policy.Specific(versions=versions))


@pytest.mark.parametrize(
    ("child", "version"),
    [
        ("0", 0),
        ("7", 7),
        ("00000123", 123),
        ("+5", 5),
        ("-5", -5),
        (" 12 ", 12),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-9223372036854775808", -(2**63)),
        ("", None),
        ("-", None),
        ("1 2", None),
        ("123.tmp", None),
        (".123", None),
        ("v1", None),
        ("123_old", None),
        ("0x10", None),
        ("1e3", None),
        ("\u0661", None),
    ],
)
def test_a_name_is_a_version_if_it_reads_as_an_int64(child: str, version: int | None) -> None:
    """Blanks, signs and leading zeros pass; everything else is no version."""
    assert parse_version(child) == version


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        (Policy(), [10]),
        (Policy(latest=Policy.Latest(num_versions=0)), [10]),
        (Policy(latest=Policy.Latest(num_versions=2)), [9, 10]),
        (Policy(latest=Policy.Latest(num_versions=99)), [1, 9, 10]),
        (Policy(all=Policy.All()), [1, 10, 9]),
        (specific(9, 1, 77), [1, 9]),
        (Policy(specific=Policy.Specific()), []),
    ],
)
def test_a_policy_chooses_by_number(policy: Policy, versions: list[int]) -> None:
    """The latest are the highest numbers on disk, the specific ones those listed and on disk."""
    children = ["1", "9", "10", "10.tmp", "assets"]
    assert [candidate.version for candidate in choose(policy, children)] == versions


def test_of_two_names_for_one_number_one_wins() -> None:
    """Under `latest` the last by name; `all` keeps both, the first coming first."""
    assert choose(Policy(), ["001", "1"]) == [Candidate(1, "1")]
    assert choose(Policy(all=Policy.All()), ["1", "001"]) == [Candidate(1, "001"), Candidate(1, "1")]
    assert duplicates(["001", "1", "2"]) == [1]


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.integers(min_value=0, max_value=5))
def test_leading_zeros_never_change_a_number(number: int, zeros: int) -> None:
    """Padding is read as the same version."""
    sign, digits = ("-" if number < 0 else ""), str(abs(number))
    assert parse_version(f"{sign}{'0' * zeros}{digits}") == number


def test_a_servable_is_printed_as_tensorflow_serving_prints_it() -> None:
    """Clients read this form in error messages."""
    assert str(ServableId("half", 3)) == "{name: half version: 3}"
