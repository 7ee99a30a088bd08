"""What `bootstrap` makes is what a puller takes for its own; otherwise the puller would replace it."""

from events import subscription
from events.names import NodeName
from puller import registration, settings


def test_bootstrap_and_puller_name_a_subscription_alike() -> None:
    """Short names, long ones and those with characters that Pub/Sub does not take."""
    for node in ("n1", "rack-7.example.com", "n" * 253):
        assert subscription.name("uploads", NodeName(node)) == settings.name_subscription("uploads", NodeName(node))


def test_bootstrap_and_puller_write_the_same_filter() -> None:
    """Without a prefix, with one, with one that is too long for a filter."""
    for prefix in ("", "models/", 'a"b\\c/', "p" * 300 + "/"):
        assert subscription.filter_of(prefix) == registration._filter(prefix)
