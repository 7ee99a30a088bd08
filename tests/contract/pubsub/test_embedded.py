"""What only the embedded server does: misbehave, put its clock forward, say what it cannot do."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from google.api_core.exceptions import MethodNotImplemented, NotFound
from google.cloud.pubsub_v1.subscriber.message import Message

from infra.local.pubsub.faults import Faults, Tally
from tests.support.pubsub import PROJECT, Embedded, eventually, texts

DAY_SECONDS = 86_400
StartEmbedded = Callable[..., Embedded]


def test_faults_come_from_the_command_line_and_change_at_run_time(start_embedded: StartEmbedded) -> None:
    """A server that duplicates all messages stops doing so when it is told, and counts what it did."""
    server = start_embedded("--duplicate", "1", "--seed", "7")
    topic = server.backend.topic()
    name = server.backend.subscription(topic)
    (message_id,) = server.backend.publish(topic, "twice")
    got = server.backend.pull(name, 2)
    assert texts(got) == ["twice", "twice"]
    assert message_id in {received.message.message_id for received in got}
    assert len({received.message.message_id for received in got}) == 2
    assert server.remote.state().tally == Tally(arrived=2, duplicated=1)
    assert server.remote.set_faults(Faults(drop=1)).faults == Faults(drop=1)
    server.backend.publish(topic, "lost")
    assert server.remote.set_faults(Faults()).tally == Tally()
    server.backend.publish(topic, "fine")
    assert texts(server.backend.pull(name, 1)) == ["fine"]
    assert server.backend.pull_now(name) == []


def test_a_held_back_message_reaches_an_open_stream(start_embedded: StartEmbedded) -> None:
    """Nobody needs to publish or pull for a delayed message to come when it is due."""
    server = start_embedded("--delay", "1", "--delay-seconds", "0.2")
    topic = server.backend.topic()
    name = server.backend.subscription(topic)
    seen: list[str] = []
    future = server.backend.subscriber.subscribe(name, _noting(seen))
    ids = server.backend.publish(topic, "late", "later")
    eventually(lambda: len(seen) == 2, "both messages")
    future.cancel()
    future.result(10)
    assert sorted(seen) == sorted(ids)


def test_one_node_alone_can_lose_its_messages(start_embedded: StartEmbedded) -> None:
    """A fault on one subscription leaves the others alone."""
    server = start_embedded()
    topic = server.backend.topic()
    unlucky, lucky = server.backend.subscription(topic), server.backend.subscription(topic)
    server.remote.set_faults(Faults(drop=1, subscription=unlucky))
    server.backend.publish(topic, "one")
    assert texts(server.backend.pull(lucky, 1)) == ["one"]
    assert server.backend.pull_now(unlucky) == []


def test_an_idle_subscription_expires_and_a_connected_one_does_not(start_embedded: StartEmbedded) -> None:
    """With the clock put forward past the time to live, only the subscription with an open stream is left."""
    server = start_embedded()
    topic = server.backend.topic()
    policy = {"expiration_policy": {"ttl": {"seconds": 8 * DAY_SECONDS}}}
    idle, connected = server.backend.subscription(topic, **policy), server.backend.subscription(topic, **policy)
    seen: list[str] = []
    future = server.backend.subscriber.subscribe(connected, _noting(seen))
    server.backend.publish(topic, "proof that the stream is open")
    eventually(lambda: len(seen) == 1, "the stream to be open")
    before = server.remote.state().now
    assert server.remote.advance_clock(9 * DAY_SECONDS).now >= before + 9 * DAY_SECONDS
    with pytest.raises(NotFound, match=r"Resource not found \(resource=s-.*\)\."):
        server.backend.subscriber.get_subscription(subscription=idle)
    server.backend.publish(topic, "still there")
    eventually(lambda: len(seen) == 2, "the open stream to go on")
    future.cancel()
    future.result(10)


def test_a_deadline_passes_on_an_open_stream_when_the_clock_is_put_forward(start_embedded: StartEmbedded) -> None:
    """A stream that waits notices the new time and delivers again what was leased by a pull."""
    server = start_embedded()
    topic = server.backend.topic()
    name = server.backend.subscription(topic)
    ids = server.backend.publish(topic, "leased")
    server.backend.pull(name, 1)
    seen: list[str] = []
    future = server.backend.subscriber.subscribe(name, _noting(seen))
    server.remote.advance_clock(11)
    eventually(lambda: seen == ids, "the message to come again")
    future.cancel()
    future.result(10)


def test_a_restart_loses_everything(start_embedded: StartEmbedded) -> None:
    """Topics and subscriptions are in memory only, as with Google's emulator."""
    server = start_embedded()
    topic = server.backend.topic()
    name = server.backend.subscription(topic)
    server.child.restart()
    with pytest.raises(NotFound):
        server.backend.subscriber.pull(subscription=name, max_messages=1)
    with pytest.raises(NotFound):
        server.backend.publish(topic, "x")


def test_what_it_does_not_do_is_refused_in_words(start_embedded: StartEmbedded) -> None:
    """A setting that would be ignored is an error that names it."""
    backend = start_embedded().backend
    topic = backend.topic()
    for setting in ("enable_message_ordering", "enable_exactly_once_delivery", "retain_acked_messages"):
        with pytest.raises(MethodNotImplemented, match=setting):
            backend.subscription(topic, **{setting: True})
    with pytest.raises(MethodNotImplemented):
        list(backend.subscriber.list_snapshots(project=f"projects/{PROJECT}"))


def test_the_remote_control_works_from_a_shell(start_embedded: StartEmbedded) -> None:
    """Faults can be set, shown and refused by hand."""
    server = start_embedded()
    done = _shell("remote", server.backend.address, "faults", "--drop", "0.25", "--seed", "3")
    assert json.loads(done.stdout)["faults"]["drop"] == 0.25
    assert server.remote.state().faults == replace(Faults(), drop=0.25, seed=3)
    assert json.loads(_shell("remote", server.backend.address, "state").stdout)["tally"]["dropped"] == 0
    refused = _shell("remote", server.backend.address, "advance", "-5")
    assert (refused.returncode, "from 0 up" in refused.stderr) == (1, True)
    wrong = _shell("remote", server.backend.address, "faults", "--drop", "2")
    assert (wrong.returncode, "drop is a chance between 0 and 1" in wrong.stderr) == (2, True)


def test_a_taken_port_and_wrong_options_end_the_program_with_one_clear_line(start_embedded: StartEmbedded) -> None:
    """The program says what is wrong, and does not share a port silently."""
    port = start_embedded().backend.address.split(":")[1]
    taken = _shell("", "--port", port)
    assert taken.returncode == 1
    assert f"Pub/Sub cannot listen on 127.0.0.1:{port}" in taken.stderr.splitlines()[-1]
    wrong = _shell("", "--delay-seconds", "-1")
    assert wrong.returncode == 2
    assert "delay_seconds is a number of seconds from 0 up" in wrong.stderr


def _noting(seen: list[str]) -> Callable[[Message], None]:
    def callback(message: Message) -> None:
        seen.append(message.message_id)
        message.ack()

    return callback


def _shell(module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    name = ".".join(part for part in ("infra.local.pubsub", module) if part)
    return subprocess.run(
        [sys.executable, "-m", name, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
