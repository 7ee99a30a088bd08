"""What `status`, `nodes`, `models`, `model` and `explain` print, and how they end."""

import json
import re
from datetime import timedelta

import pytest

from events.names import NodeName
from events.status import Progress
from master.answers import NodeTimeline, Timeline
from master.cli.exits import Exit, Unreachable
from master.fleet.views import CellState, CellView, Freshness, ModelView, NodeState, NodeView, VersionSpread
from tests.fakes.master import NOW, FakeTransport, ok, page, problem, run
from tests.support.shown import COUNT, FRESH, LINE, N1, N2, V3, V4, a_cell, a_model, a_node, an_overview


def a_cluster(*sentences: str, freshness: Freshness = FRESH) -> FakeTransport:
    return FakeTransport(
        {
            "GET /v1/overview": ok(an_overview(*sentences, freshness=freshness)),
            "GET /v1/models": page(a_model(COUNT, pinned=True), a_model(LINE, state=CellState.BEHIND)),
        }
    )


def test_status_shows_the_cluster_on_one_screen() -> None:
    """Counts, models and what is wrong, as a person reads them."""
    outcome = run(a_cluster("n2 is lost since 3 minutes"), "status")
    assert outcome.out.splitlines() == [
        "2 nodes (1 lost, 1 well), 2 models: 1 behind, 3 serving",
        "",
        "MODEL  STATE    SERVING         NODES                 WANTED",
        "count  serving  4 on 1, 3 on 1  1 serving, 1 serving  pinned to 3; paused; stable=3",
        "line   behind   4 on 1, 3 on 1  1 behind, 1 serving   newest",
        "",
        "n2 is lost since 3 minutes",
    ]
    assert outcome.code == Exit.DONE


def test_status_folds_on_a_narrow_terminal_without_losing_a_word() -> None:
    """Nothing is cut off where columns are few."""
    words = run(a_cluster(), "status", width=60).out.split()
    assert {"count", "pinned", "paused;", "stable=3"} <= set(words)


def test_status_can_be_a_check() -> None:
    """A script sees by the exit code whether all is well."""
    assert run(a_cluster("n2 is lost"), "status", "--check").code == Exit.NOT_AS_DESIRED
    assert run(a_cluster(), "status", "--check").code == Exit.DONE


def test_status_says_when_it_is_old() -> None:
    """While NATS is away the last known state is marked as such, with its age."""
    stale = Freshness(is_stale=True, since=NOW - timedelta(minutes=2), age_seconds=120, reason="NATS is away")
    outcome = run(a_cluster(freshness=stale), "status", "--check")
    assert "has not heard the cluster for 2m: NATS is away" in outcome.errors
    assert outcome.code == Exit.NOT_AS_DESIRED


def test_a_program_gets_json_and_nothing_else() -> None:
    """Standard output is one JSON document."""
    answer = json.loads(run(a_cluster("n2 is lost"), "status", "--json").out)
    assert answer["overview"]["sentences"] == ["n2 is lost"]
    assert [row["model"] for row in answer["models"]] == ["count", "line"]


def test_nodes_are_listed_with_reason() -> None:
    """A lost node is in the list, with since when and why."""
    lost = a_node(N2, state=NodeState.LOST, reason="no sign of life")
    transport = FakeTransport({"GET /v1/nodes": page(a_node(N1), lost)})
    assert run(transport, "nodes").out.splitlines() == [
        "NODE  STATE  SINCE  DISK FREE             MODELS     REASON",
        "n1    well   3h 5m  37.3 GiB of 93.1 GiB  2 serving",
        "n2    lost   3h 5m  37.3 GiB of 93.1 GiB  2 serving  no sign of life",
    ]


def test_a_table_for_a_program_has_tabs_and_nothing_that_only_aligns() -> None:
    """A row is one line whatever stands in it, and as long as it is; a tab in a reason is written as an escape."""
    reason = f"no\tsign\nof {'life ' * 60}end"
    lost = a_node(N2, state=NodeState.LOST, reason=reason)
    out = run(FakeTransport({"GET /v1/nodes": page(a_node(N1), lost)}), "nodes", piped=True).out
    assert [line.split("\t") for line in out.splitlines()] == [
        ["NODE", "STATE", "SINCE", "DISK FREE", "MODELS", "REASON"],
        ["n1", "well", "3h 5m", "37.3 GiB of 93.1 GiB", "2 serving"],
        ["n2", "lost", "3h 5m", "37.3 GiB of 93.1 GiB", "2 serving", f"no\\tsign of {'life ' * 60}end"],
    ]


def test_long_lists_are_fetched_page_by_page() -> None:
    """The cursor of a page is what the next one is asked with."""
    transport = FakeTransport({"GET /v1/nodes": [page(a_node(N1), following="n1"), page(a_node(N2))]})
    assert "n2" in run(transport, "nodes").out
    assert [request.query.get("cursor") for request in transport.requests] == [None, "n1"]


def test_a_node_is_shown_with_services_and_models() -> None:
    """One node's page: software, connections, cells."""
    view = NodeView(**dict(a_node(N1)), models=(a_cell(N1),))
    out = run(FakeTransport({"GET /v1/nodes/n1": ok(view)}), "nodes", "n1").out
    assert "puller   0.1.0     2d 4h  20s ago   nats up" in out
    assert "line   serving  3m     4        4        4" in out


def test_a_model_is_shown_with_versions_and_cells() -> None:
    """One model's page: what is where, and a transfer's progress."""
    spread = VersionSpread(version=V4, serving=1, on_disk=1, fetching=1, failed=0, quarantined=0)
    view = ModelView(**dict(a_model(LINE)), versions=(spread,), explain=("n2 is fetching version 4",))
    transfer = Progress(bytes_done=42, bytes_total=100, bytes_per_second=10, seconds_left=5.8)
    fetching = a_cell(N2, state=CellState.UPDATING, serving=V3, reason="downloading version 4").model_copy(
        update={"progress": transfer}
    )
    transport = FakeTransport(
        {"GET /v1/models/line": ok(view), "GET /v1/models/line/nodes": page(a_cell(N1), fetching)}
    )
    assert run(transport, "model", "line").out.splitlines() == [
        "line: newest",
        "n2 is fetching version 4",
        "",
        "VERSION  SERVING  ON DISK  FETCHING  FAILED  QUARANTINED",
        "4        1        1        1         0       0",
        "",
        "NODE  STATE     SINCE  SERVING  DEFAULT  DESIRED  REASON",
        "n1    serving   3m     4        4        4",
        "n2    updating  3m     3        3        4        downloading version 4; 42 % of 100 B, 10 B/s, 6s left",
    ]


def test_a_model_is_shown_with_signers_where_nodes_ask_for_signatures() -> None:
    """A column more, and only then."""
    signed = VersionSpread(
        version=V4, serving=1, on_disk=1, fetching=0, failed=0, quarantined=0, signed_by=("ci (aa)", "release (aa)")
    ).model_copy(update={"provenance": ("built by ci",)})
    unsigned = VersionSpread(version=V3, serving=0, on_disk=1, fetching=0, failed=0, quarantined=0)
    view = ModelView(**dict(a_model(LINE)), versions=(signed, unsigned), explain=())
    transport = FakeTransport({"GET /v1/models/line": ok(view), "GET /v1/models/line/nodes": page(a_cell(N1))})
    assert run(transport, "model", "line").out.splitlines()[2:5] == [
        "VERSION  SERVING  ON DISK  FETCHING  FAILED  QUARANTINED  SIGNED BY",
        "4        1        1        0         0       0            ci (aa), release (aa); built by ci",
        "3        0        1        0         0       0            -",
    ]


def test_the_life_of_a_version_names_its_signer() -> None:
    """A column more where a node knew who signed it."""
    seen = NodeTimeline(node=N1, published=NOW, signed_by="release (aa)")
    life = Timeline(model=LINE, version=V4, generations={}, nodes=(seen, NodeTimeline(node=N2)), changes=())
    out = run(FakeTransport({"GET /v1/models/line/versions/4": ok(life)}), "history", "line", "4", piped=True).out
    rows = [line.split("\t") for line in out.splitlines()[1:]]
    assert [row[6] for row in rows] == ["SIGNED BY", "release (aa)", "-"]
    unsigned = life.model_copy(update={"nodes": (NodeTimeline(node=N2),)})
    assert (
        "SIGNED BY"
        not in run(FakeTransport({"GET /v1/models/line/versions/4": ok(unsigned)}), "history", "line", "4").out
    )


def test_explain_tells_of_the_nodes_that_differ() -> None:
    """Nodes that are as desired are left out, the others speak in sentences."""
    behind = a_cell(N2, state=CellState.BEHIND)
    told = CellView(**dict(behind), versions=(), explain=("version 4 is on disk", "the reload waits for TF Serving"))
    transport = FakeTransport(
        {
            "GET /v1/models/line": ok(ModelView(**dict(a_model(LINE)), versions=(), explain=("one node is behind",))),
            "GET /v1/models/line/nodes": page(a_cell(N1), behind),
            "GET /v1/models/line/nodes/n2": ok(told),
        }
    )
    assert run(transport, "explain", "line").out.splitlines() == [
        "one node is behind",
        "n2: behind for 3m",
        "  version 4 is on disk",
        "  the reload waits for TF Serving",
    ]


def test_explain_tells_of_equal_nodes_once() -> None:
    """A fleet in the same trouble fills no screen; only one of them is asked for all there is."""
    words = "serves 3; 4 refused: bad"
    cells = [a_cell(NodeName(f"n{number}"), state=CellState.HELD_BACK, reason=words) for number in range(2, 7)]
    other = a_cell(NodeName("n7"), state=CellState.HELD_BACK, reason="serves 3; 4 refused: worse")
    told = [CellView(**dict(cell), versions=(), explain=(f"all of {cell.node}",)) for cell in (cells[0], other)]
    transport = FakeTransport(
        {
            "GET /v1/models/line": ok(ModelView(**dict(a_model(LINE)), versions=(), explain=())),
            "GET /v1/models/line/nodes": page(a_cell(N1), *cells, other),
            **{f"GET /v1/models/line/nodes/{view.node}": ok(view) for view in told},
        }
    )
    assert run(transport, "explain", "line").out.splitlines() == [
        "n2, n3 and 3 more: held back for 3m, as n2 tells it",
        "  all of n2",
        "n7: held back for 3m",
        "  all of n7",
    ]


def test_a_node_is_forgotten_only_when_it_is_lost() -> None:
    """A node that reports cannot be taken off the list."""
    outcome = run(FakeTransport({"GET /v1/nodes": page(a_node(N1))}), "forget", "n1", "--yes")
    assert outcome.code == Exit.FAILED
    assert "n1 is well, not lost" in outcome.errors


def test_a_master_that_is_away_has_its_own_exit_code() -> None:
    """Scripts can tell an unreachable master from a refusal."""
    away = FakeTransport({"GET /v1/overview": Unreachable("no master answers", advice="check that it runs")})
    outcome = run(away, "status")
    assert outcome.code == Exit.UNREACHABLE
    assert "error: no master answers\n  check that it runs" in outcome.errors


def test_errors_of_the_master_have_their_codes() -> None:
    """What the master refuses is told in its own words, and coded by kind."""
    codes = {401: Exit.NOT_ALLOWED, 403: Exit.NOT_ALLOWED, 409: Exit.CONFLICT, 412: Exit.CONFLICT}
    codes |= {404: Exit.FAILED, 422: Exit.FAILED, 500: Exit.FAILED, 429: Exit.UNREACHABLE, 503: Exit.UNREACHABLE}
    for status, code in codes.items():
        outcome = run(FakeTransport({"GET /v1/models": problem(status, "the words of the master")}), "models")
        assert (status, outcome.code) == (status, code)
        assert "the words of the master" in outcome.errors


def test_a_bad_name_is_a_usage_error() -> None:
    """Names are checked before anything is asked."""
    transport = FakeTransport()
    outcome = run(transport, "model", "../etc")
    assert outcome.code == Exit.USAGE
    assert "not a model name" in " ".join(outcome.errors.replace("│", " ").split())
    assert transport.requests == []


def test_help_lists_every_command_with_its_purpose() -> None:
    """All of them are there, whatever is loaded for a single one; so are the exit codes."""
    listed = run(FakeTransport(), "--help").errors
    names = "status nodes models model history explain pull pin unpin rollback label pause resume retry remove restore "
    names += "sync reload retention wait watch publish bootstrap doctor token forget"
    assert set(names.split()) <= set(listed.replace("│", " ").split())
    assert "3 not as desired" in " ".join(listed.split())


def test_an_unknown_command_is_a_usage_error() -> None:
    """A slip is told, with what comes near."""
    outcome = run(FakeTransport(), "stauts")
    assert outcome.code == Exit.USAGE
    assert "status" in outcome.errors


HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202etxt.exe\u2028\x9b31m\U000e0041"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069\U000e0000-\U000e007f]")


@pytest.mark.parametrize(
    "arguments", [("status",), ("nodes",), ("nodes", "--json"), ("status", "--json"), ("explain", "line")]
)
def test_nothing_that_is_said_of_the_fleet_steers_the_terminal(arguments: tuple[str, ...]) -> None:
    """Whoever names a reason on a node can neither clear the screen nor turn a line round, in JSON neither."""
    row = a_node(N1).model_copy(update={"reason": HOSTILE})
    whole = ModelView(**dict(a_model(LINE)), versions=(), explain=(HOSTILE,))
    transport = FakeTransport(
        {
            "GET /v1/overview": ok(an_overview(HOSTILE)),
            "GET /v1/models": page(a_model(LINE)),
            "GET /v1/models/line": ok(whole),
            "GET /v1/nodes": page(row),
            "GET /v1/models/line/nodes": page(a_cell(N1, reason=HOSTILE)),
        }
    )
    outcome = run(transport, *arguments)
    assert "owned" in outcome.out
    assert not STEERING.search(outcome.out + outcome.errors)
    if "--json" in arguments:
        assert HOSTILE in texts(json.loads(outcome.out))


def texts(value: object) -> list[str]:
    """All texts of what was read from JSON."""
    match value:
        case str():
            return [value]
        case list():
            return [text for one in value for text in texts(one)]
        case dict():
            return texts(list(value.values()))
        case _:
            return []
