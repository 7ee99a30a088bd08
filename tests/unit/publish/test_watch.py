"""Whether a node looks where a version goes."""

import pytest

from events.status import Source
from master.cli.publish.target import parse
from master.cli.publish.watch import unseen, watch_of
from master.fleet.views import NodeRow
from tests.support.shown import N1, N2, a_node, a_service

PROD = Source(bucket="models", prefix="prod/")


def nodes(*sources: Source | None) -> list[NodeRow]:
    return [
        a_node(name).model_copy(update={"services": (a_service().model_copy(update={"source": source}),)})
        for name, source in zip((N1, N2), sources, strict=False)
    ]


@pytest.mark.parametrize(
    ("url", "is_seen"),
    [
        ("gs://models/prod/line", True),
        ("gs://models/line", False),
        ("gs://models/prod/eu/line", False),
        ("gs://other/prod/line", False),
    ],
)
def test_a_version_is_seen_where_bucket_and_prefix_are_a_nodes(url: str, is_seen: bool) -> None:
    """A folder above or below the prefix is another place."""
    assert (unseen(watch_of(nodes(PROD, None)), parse(url)) == "") is True  # one node does not say
    assert (unseen(watch_of(nodes(PROD)), parse(url)) == "") is is_seen


def test_the_sentence_says_where_nodes_look() -> None:
    """So that the right address can be read off it."""
    told = unseen(watch_of(nodes(PROD, Source(bucket="models", prefix=""))), parse("gs://models/staging/line"))
    assert told == (
        "no node looks at gs://models/staging/ for models: n1 looks at gs://models/prod/; n2 looks at gs://models/"
    )


def test_what_is_not_known_is_no_reason_to_refuse() -> None:
    """No node has reported yet, or only pullers of an earlier release."""
    for known in (nodes(), nodes(None, None)):
        assert unseen(watch_of(known), parse("gs://models/staging/line")) == ""
