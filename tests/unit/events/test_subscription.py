"""The filter of a node's subscription, which its puller and `bootstrap` write alike."""

import pytest

from events.subscription import MAX_FILTER_BYTES, OWN_FILTER, filter_of, is_outdated


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("", OWN_FILTER),
        ("models/", f'{OWN_FILTER} AND hasPrefix(attributes.objectId, "models/")'),
        ('a"b\\c/', f'{OWN_FILTER} AND hasPrefix(attributes.objectId, "a\\"b\\\\c/")'),
        ("p" * MAX_FILTER_BYTES + "/", OWN_FILTER),
    ],
)
def test_the_filter_names_the_prefix_where_it_fits(prefix: str, text: str) -> None:
    """Quotes are escaped; a prefix too long for Pub/Sub is left to the puller, which filters again."""
    assert filter_of(prefix) == text


def test_only_filters_of_ours_are_outdated() -> None:
    """One of another prefix is replaced, one that somebody wrote himself is not."""
    assert is_outdated(filter_of("old/"), "new/")
    assert is_outdated(filter_of(""), "new/")
    assert not is_outdated(filter_of("new/"), "new/")
    assert not is_outdated('attributes.team = "a"', "new/")
    assert not is_outdated("", "new/")
