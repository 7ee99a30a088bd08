"""The puller's settings: what is refused at the start, and what follows from what."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import subscription
from events.names import NodeName
from puller.app import main
from puller.settings import PullerSettings
from service.errors import BadSettings
from service.settings import load


def test_a_bucket_is_all_that_must_be_said() -> None:
    """Everything but the bucket has a default; without a topic the bucket is polled."""
    chosen = load(PullerSettings, {"MM_BUCKET": "models"})
    assert (chosen.prefix, chosen.topic, chosen.poll_seconds, chosen.bytes_per_second) == ("", "", 300, None)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({}, "MM_BUCKET"),
        ({"MM_BUCKET": "gs://models"}, "MM_BUCKET"),
        ({"MM_PREFIX": "../up"}, "MM_PREFIX"),
        ({"MM_TOPIC": "uploads"}, "MM_PROJECT"),
        ({"MM_TOPIC": "goog-uploads", "MM_PROJECT": "p"}, "MM_TOPIC"),
        ({"MM_TOPIC": "uploads", "MM_PROJECT": "p", "MM_SUBSCRIPTION": "9"}, "MM_SUBSCRIPTION"),
        ({"MM_TOPIC": "uploads", "MM_PROJECT": "projects/p"}, "MM_PROJECT.*write p"),
        ({"MM_TOPIC": "projects/p/subscriptions/s"}, "MM_TOPIC.*write projects/PROJECT/topics/NAME"),
        ({"MM_POLL_SECONDS": "0"}, "MM_POLL_SECONDS"),
        ({"MM_SETTLE_SECONDS": "soon"}, "MM_SETTLE_SECONDS"),
        ({"MM_PARALLEL_VERSIONS": "0"}, "MM_PARALLEL_VERSIONS"),
        ({"MM_HTTP_PORT": "70000"}, "MM_HTTP_PORT"),
        ({"MM_NODE": "a b"}, "MM_NODE"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, str], named: str) -> None:
    """The one line says which variable is wrong."""
    given_settings = {"MM_BUCKET": "models", **wrong} if wrong else {}
    with pytest.raises(BadSettings, match=named):
        load(PullerSettings, given_settings)


def test_wrong_settings_end_the_program_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and a single line on standard error."""
    with pytest.raises(SystemExit) as ended:
        main([], {"MM_BUCKET": "models", "MM_POLL_SECONDS": "-1"})
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` names each variable of the puller."""
    with pytest.raises(SystemExit):
        main(["--help"], {})
    text = capsys.readouterr().out
    assert all(f"MM_{name.upper()}" in text for name in PullerSettings.model_fields)


def test_topic_and_subscription_may_be_in_two_projects() -> None:
    """Each names its own; what names none is in MM_PROJECT, and else where the topic is."""
    paths = {
        ("p", "uploads", ""): ("projects/p/topics/uploads", "projects/p/subscriptions/uploads-n"),
        ("p", "projects/42/topics/uploads", ""): ("projects/42/topics/uploads", "projects/p/subscriptions/uploads-n"),
        ("", "projects/a.com:q/topics/uploads", ""): (
            "projects/a.com:q/topics/uploads",
            "projects/a.com:q/subscriptions/uploads-n",
        ),
        ("p", "uploads", "projects/q/subscriptions/own"): ("projects/p/topics/uploads", "projects/q/subscriptions/own"),
    }
    for (project, topic, own), wanted in paths.items():
        variables = {"MM_PROJECT": project, "MM_TOPIC": topic, "MM_SUBSCRIPTION": own, "MM_NODE": "n"}
        chosen = load(PullerSettings, {"MM_BUCKET": "models", **variables})
        assert (chosen.topic_path, chosen.subscription_path) == wanted
        assert chosen.source.topic == wanted[0]


def test_a_plain_subscription_name_is_topic_and_node() -> None:
    """The usual name reads as one would expect."""
    assert subscription.name("uploads", NodeName("rack-1")) == "uploads-rack-1"


@settings(deadline=None)
@given(
    topic=st.from_regex(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}", fullmatch=True).filter(lambda name: name[:4] != "goog"),
    nodes=st.sets(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", fullmatch=True), min_size=2, max_size=4),
)
def test_subscription_names_are_valid_and_distinct(topic: str, nodes: set[str]) -> None:
    """Whatever topic and nodes are called, each node gets a name of its own that Pub/Sub takes."""
    names = {subscription.name(topic, NodeName(node)) for node in nodes}
    assert len(names) == len(nodes)
    for name in names:
        assert len(name) <= subscription.MAX_NAME
        load(PullerSettings, {"MM_BUCKET": "models", "MM_SUBSCRIPTION": name})
