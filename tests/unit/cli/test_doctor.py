"""What `doctor` finds, and what it says to do."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from events.names import NodeName
from events.status import Connection, Disk, Source
from master.cli.client.http import Reply
from master.cli.doctor import flags
from master.cli.doctor.checks import check_clock
from master.cli.doctor.finding import Level
from master.cli.exits import Exit, Unreachable
from master.fleet.views import CellState, Freshness, NodeRow, NodeState, Tally
from tests.fakes.master import NOW, FakeTransport, ok, page, problem, run
from tests.support.shown import a_node, a_service, an_overview

GOOD = (
    "--port=8500 --model_config_file=/models/models.config --num_load_threads=2 --num_unload_threads=1 "
    "--max_num_load_retries=1 --load_retry_interval_micros=1000000 --allow_version_labels_for_unavailable_models=true"
)


def a_master(*nodes: NodeRow, skew: timedelta = timedelta()) -> FakeTransport:
    date = format_datetime(NOW + skew, usegmt=True)
    return FakeTransport(
        {
            "GET /readyz": Reply(200, b"ready", {"date": date}),
            "GET /v1/overview": ok(an_overview()),
            "GET /v1/nodes": page(*nodes),
        }
    )


def doctor(transport: FakeTransport) -> tuple[int, str]:
    outcome = run(transport, "doctor", "--serving-flags", GOOD)
    return outcome.code, outcome.out


def test_a_healthy_cluster_has_nothing_wrong() -> None:
    """Every thing that was looked at is listed, and the exit code is 0."""
    code, out = doctor(a_master(a_node(NodeName("n1"))))
    assert out.splitlines() == [
        "good        master: answers at http://master",
        "good        clocks: the master's clock and the one here agree",
        "good        token: the master takes it",
        "good        NATS: the master is connected, and what is kept there is set as it has to be",
        "good        nodes: n1 is well, clocks and disks, too",
        "good        models: all are served as desired, or on their way",
        "not checked bucket: no bucket was named",
        "            -> --bucket, --project and --topic, or MM_BUCKET, MM_PROJECT, MM_TOPIC",
        "good        TF Serving flags (port 8500): as they should be",
        "",
        "nothing is wrong",
    ]
    assert code == Exit.DONE


def test_what_is_wrong_with_models_and_uploads_is_found() -> None:
    """The sentences are those of `status`, which ends its --check by them, too."""
    transport = a_master(a_node(NodeName("n1")))
    words = ("Model m serves 7; 9 refused: bad (on 2 nodes).", "Model m: version 7 is mutated on 1 node: changed.")
    transport.answers["GET /v1/overview"] = ok(an_overview(*words).model_copy(update={"about_models": words}))
    code, out = doctor(transport)
    assert code == Exit.NOT_AS_DESIRED
    assert all(f"wrong       models: {sentence}\n            -> `explain MODEL`" in out for sentence in words)
    assert "good        models" not in out


def test_a_place_that_holds_nothing_is_pointed_out() -> None:
    """Most often another bucket or prefix is meant; a new cluster is not wrong by it."""
    looks = Connection(is_connected=True, since=NOW)
    service = a_service().model_copy(
        update={"connections": {"bucket": looks}, "source": Source(bucket="models", prefix="prod/")}
    )
    master = a_master(a_node(NodeName("n1")).model_copy(update={"services": (service,)}))
    master.answers["GET /v1/overview"] = ok(an_overview().model_copy(update={"models": 0}))
    code, out = doctor(master)
    assert "warning     models: there is nothing at all below gs://models/prod/" in out
    assert code == Exit.DONE


def test_models_that_nobody_manages_are_pointed_out() -> None:
    """They serve, so nothing is wrong; that nobody brings new versions is worth a look."""
    tallies = (Tally(state=CellState.NOT_MANAGED, count=3),)
    overview = an_overview().model_copy(update={"cells": tallies})
    master = a_master(a_node(NodeName("n1")))
    master.answers["GET /v1/overview"] = ok(overview)
    code, out = doctor(master)
    assert "warning     models: of the models on nodes, 3 are not managed: a config file written by hand" in out
    assert code == Exit.DONE


def test_an_unreachable_master_is_a_finding() -> None:
    """Doctor does not stop there: what can be looked at without a master still is."""
    code, out = doctor(FakeTransport({"GET /readyz": Unreachable("no master answers", advice="start it")}))
    assert code == Exit.NOT_AS_DESIRED
    assert "wrong       master: no master answers\n            -> start it" in out
    assert "TF Serving flags" in out


def test_a_wrong_token_is_told_as_such() -> None:
    """A refusal by the master points at the token."""
    transport = a_master()
    transport.answers["GET /v1/overview"] = problem(401, "unknown token")
    _, out = doctor(transport)
    assert "wrong       token: the master at http://master does not know you: unknown token" in out


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, Level.GOOD), (4, Level.GOOD), (60, Level.WRONG), (-60, Level.WRONG)]
)
def test_clocks_that_differ_are_found(seconds: int, level: Level) -> None:
    """Deadlines of commands depend on clocks."""
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert check_clock(date, now=NOW).level is level


def test_no_date_is_no_finding() -> None:
    """A proxy may take the header away."""
    assert check_clock("", now=NOW).level is Level.UNKNOWN


def test_troubled_nodes_are_told_with_their_reason() -> None:
    """Lost, troubled, ahead in time, full: each with what to do."""
    lost = a_node(NodeName("lost"), state=NodeState.LOST, reason="no sign of life")
    cut_off = a_node(NodeName("cut"), state=NodeState.TROUBLED, reason="the bucket does not answer")
    full = a_service().model_copy(update={"disk": Disk(total=10**11, free=10**8, reserve=10**9)})
    ahead = a_service().model_copy(update={"reported": NOW + timedelta(minutes=1)})
    code, out = doctor(
        a_master(
            lost,
            cut_off,
            a_node(NodeName("full")).model_copy(update={"services": (full,)}),
            a_node(NodeName("ahead")).model_copy(update={"services": (ahead,)}),
        )
    )
    assert code == Exit.NOT_AS_DESIRED
    assert "node lost: lost since 3h 5m: no sign of life" in out
    assert "model-manager forget lost" in out
    assert "node cut: the bucket does not answer" in out
    assert "node full: its disk is full: 95.4 MiB of 93.1 GiB are free, the reserve is 953.7 MiB" in out
    assert "node ahead: its clock is ahead" in out
    assert "4 things are wrong" in out


def test_nats_away_is_told() -> None:
    """The master's word on NATS is passed on."""
    transport = a_master(a_node(NodeName("n1")))
    stale = Freshness(is_stale=True, since=NOW, age_seconds=9, reason="connection refused")
    transport.answers["GET /v1/overview"] = ok(an_overview(freshness=stale))
    assert "wrong       NATS: what the master shows is old: connection refused" in doctor(transport)[1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--model_config_file=/models/models.config", "--model_base_path=/models/m"), "one fixed model"),
        (("--port=8500", "--model_config_file_poll_wait_seconds=5"), "takes back"),
        (("--port=8500", "--file_system_poll_wait_seconds=0"), "never load"),
        (("--port=8500", "--file_system_poll_wait_seconds 30"), "only every 30 s"),
        (("--num_load_threads=2", ""), "all others wait"),
        (("--load_retry_interval_micros=1000000", "--load_retry_interval_micros=60000000"), "tried for 60 s"),
        (("--allow_version_labels_for_unavailable_models=true", ""), "labels"),
    ],
)
def test_flags_that_hurt_are_found(change: tuple[str, str], word: str) -> None:
    """Each flag of the facts is judged by itself, with the way to write it."""
    findings = list(flags.judge(flags.parse(flags.split(GOOD.replace(*change))), "serving"))
    assert [word in finding.sentence for finding in findings] == [True]
    assert "--" in findings[0].advice


def test_servers_on_this_host_are_found_by_their_command_line(tmp_path: Path) -> None:
    """Other processes, and those that ended meanwhile, are passed over."""
    for number, words in {
        "1": ("/sbin/init",),
        "2": ("/usr/bin/tensorflow_model_server", "--port=8500"),
        "3": ("python", "-m", "infra.tfserving", "--port=1"),
        "4": (),
    }.items():
        (tmp_path / number).mkdir()
        (tmp_path / number / "cmdline").write_bytes("\0".join(words).encode() + b"\0")
    (tmp_path / "5").mkdir()
    assert [flags.parse(line)["port"] for line in flags.command_lines(tmp_path)] == ["8500", "1"]


def test_servers_of_other_stacks_on_this_host_are_not_judged() -> None:
    """A node says where its server is; where none does, all that run here are looked at."""
    node = a_node(NodeName("n1"))
    saying = node.model_copy(
        update={"services": (a_service().model_copy(update={"serving_address": "127.0.0.1:8500"}),)}
    )
    lines = [(flags.PROGRAM,), (flags.PROGRAM, "--port=8500"), (flags.PROGRAM, "--port=9000")]
    assert flags.of_nodes(lines, [saying, node]) == lines[:2]
    assert flags.of_nodes(lines, [node]) == lines
    assert flags.of_nodes(lines, []) == lines


def test_a_server_behind_a_socket_is_judged() -> None:
    """It is found by the socket's file name, since the folder may be another in the node's container."""
    address = {"serving_address": "unix:/run/tfserving/grpc.sock"}
    node = a_node(NodeName("n1")).model_copy(update={"services": (a_service().model_copy(update=address),)})
    ours = (flags.PROGRAM, "--port=0", "--grpc_socket_path=/var/run/serving/grpc.sock")
    others = [(flags.PROGRAM, "--grpc_socket_path=/tmp/other.sock"), (flags.PROGRAM, "--port=8500")]
    assert flags.of_nodes([ours, *others], [node]) == [ours]
    assert {one.subject for one in flags.check([ours])} == {"TF Serving flags (socket /var/run/serving/grpc.sock)"}


def test_one_and_many_nodes_are_counted_in_words() -> None:
    """A sentence about one node is about one."""
    assert "nodes: all 2 are well" in doctor(a_master(a_node(NodeName("n1")), a_node(NodeName("n2"))))[1]


def test_pullers_that_look_at_different_places_are_named() -> None:
    """The odd one first: another prefix or bucket is a node that never gets what the others get."""
    live = Source(bucket="models", prefix="live/", topic="t")

    def looking(name: str, source: Source) -> NodeRow:
        service = a_service().model_copy(update={"source": source})
        return a_node(NodeName(name)).model_copy(update={"services": (service,)})

    alike = [looking("n1", live), looking("n2", live)]
    code, out = doctor(a_master(*alike, looking("n3", live.model_copy(update={"prefix": "staging/"}))))
    assert code == Exit.NOT_AS_DESIRED
    assert "buckets: pullers look at different places: gs://models/staging/ on n3; gs://models/live/ on n1, n2" in out
    _, out = doctor(a_master(*alike, looking("n3", live.model_copy(update={"topic": ""}))))
    assert "warning     topics: pullers hear of new versions in different ways: no topic on n3; t on n1, n2" in out
    _, out = doctor(a_master(*alike))
    assert "buckets" not in out
    assert "topics" not in out
