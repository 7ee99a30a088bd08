"""Commands that change what is wanted, or have nodes act: what they send, show, ask and return."""

import json

import pytest

from events.commands import Answer
from events.names import ModelName, NodeName
from master.answers import Foreseen, Gathered, Made
from master.cli.exits import Broken, Exit
from tests.fakes.master import FakeTransport, Request, ok, problem, run

N1, N2, N3 = NodeName("n1"), NodeName("n2"), NodeName("n3")
CHANGES = "POST /v1/models/line/changes"


def made(*nodes: Foreseen, dry_run: bool = False, changed: bool = True) -> Made:
    return Made(
        model=ModelName("line"),
        is_dry_run=dry_run,
        is_changed=changed,
        revision_before=3,
        revision_after=4 if changed and not dry_run else 3,
        request="r1",
        summary="pin version 2",
        nodes=nodes,
    )


def a_master(*nodes: Foreseen) -> FakeTransport:
    return FakeTransport({CHANGES: lambda request: ok(made(*nodes, dry_run=bool(request.body["dry_run"])))})


def sent(transport: FakeTransport) -> Request:
    return transport.requests[-1]


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        ("pin line 2 3", {"kind": "pin", "versions": [2, 3]}),
        ("unpin line", {"kind": "unpin", "count": 1}),
        ("unpin line --latest 2", {"kind": "unpin", "count": 2}),
        ("rollback line", {"kind": "rollback", "version": None}),
        ("rollback line 1", {"kind": "rollback", "version": 1}),
        ("pull line 9", {"kind": "pull", "version": 9}),
        ("label line canary 4", {"kind": "label", "label": "canary", "version": 4}),
        ("label line canary none", {"kind": "label", "label": "canary", "version": None}),
        ("pin line 2 --accept-default", {"kind": "pin", "versions": [2], "accept_default": True}),
        ("pin line 2 --ahead -m why", {"kind": "pin", "versions": [2], "ahead": True, "reason": "why"}),
        ("rollback line --keep-labels", {"kind": "rollback", "version": None, "keep_labels": True}),
        ("unpull line 9", {"kind": "unpull", "version": 9}),
        (
            "label line canary 4 --accept-default",
            {"kind": "label", "label": "canary", "version": 4, "accept_default": True},
        ),
        ("remove line 4 --drop-labels --yes", {"kind": "remove_version", "version": 4, "drop_labels": True}),
        ("forget-model line --yes", {"kind": "forget_model"}),
        ("pause line", {"kind": "pause"}),
        ("resume line", {"kind": "resume"}),
        ("retry line 4", {"kind": "retry", "version": 4}),
        ("remove line --yes", {"kind": "remove_model"}),
        ("remove line 4 --yes", {"kind": "remove_version", "version": 4}),
        ("restore line", {"kind": "restore", "version": None}),
        ("restore line 4", {"kind": "restore", "version": 4}),
        ("retention line --keep 3", {"kind": "retention", "count": 3}),
        ("retention line --keep default", {"kind": "retention", "count": None}),
    ],
)
def test_a_command_sends_its_change(arguments: str, change: dict[str, object]) -> None:
    """Every command of desired state becomes one change, for all nodes, with a key of its own."""
    transport = a_master()
    assert run(transport, *arguments.split()).code == Exit.DONE
    assert sent(transport).body == {"change": change, "nodes": None, "dry_run": False}
    assert sent(transport).headers["Idempotency-Key"]


def test_a_change_can_be_for_some_nodes_and_dry() -> None:
    """--node may be repeated; --dry-run changes nothing and says what it would do."""
    transport = a_master(Foreseen(node=N1, sentences=("would serve 2 instead of 3",)))
    outcome = run(transport, "pin", "line", "2", "--node", "n1", "-n", "n2", "--dry-run")
    assert sent(transport).body["nodes"] == ["n1", "n2"]
    assert sent(transport).body["dry_run"] is True
    assert outcome.out.splitlines() == [
        "pin version 2: nothing was changed, this is what it would do",
        "  n1: would serve 2 instead of 3",
    ]


def test_nodes_of_which_the_same_is_said_share_a_line() -> None:
    """A change of a thousand nodes does not fill a thousand lines."""
    many = [Foreseen(node=NodeName(f"n{number}"), sentences=("serves 2 from now on",)) for number in range(1000)]
    out = run(a_master(*many), "pin", "line", "2").out
    assert out.splitlines() == [
        "pin version 2: done, revision 3 -> 4",
        "  n0, n1, n2, n3, n4 and 995 more: serves 2 from now on",
    ]


def test_a_removal_asks_once_and_shows_before_what_it_does() -> None:
    """After a yes exactly what was shown is done: the revision that was seen is required."""
    transport = a_master(Foreseen(node=N1, sentences=("unloads line",)))
    outcome = run(transport, "remove", "line", typed="y\n")
    assert outcome.code == Exit.DONE
    assert [request.body["dry_run"] for request in transport.requests] == [True, False]
    assert sent(transport).headers["If-Match"] == '"3"'
    assert "Remove line? [y/N]" in outcome.errors
    assert "  n1: unloads line" in outcome.out


def test_a_removal_without_a_yes_does_nothing() -> None:
    """Enter alone means no."""
    transport = a_master()
    outcome = run(transport, "remove", "line", typed="\n")
    assert outcome.code == Exit.FAILED
    assert [request.body["dry_run"] for request in transport.requests] == [True]


def test_in_a_terminal_every_change_asks_and_yes_leaves_the_question_out() -> None:
    """A pin as a removal: what it would do is shown, and done exactly so, or not at all."""
    for arguments in (
        ("pin", "line", "2"),
        ("rollback", "line"),
        ("pause", "line"),
        ("retention", "line", "--keep", "1"),
    ):
        transport = a_master(Foreseen(node=N1, sentences=("serves 2",)))
        outcome = run(transport, *arguments, typed="y\n")
        assert outcome.code == Exit.DONE
        assert [request.body["dry_run"] for request in transport.requests] == [True, False]
        assert "Make this change? [y/N]" in outcome.errors
        assert run(a_master(), *arguments, typed="n\n").code == Exit.FAILED
        assert "[y/N]" not in run(a_master(), *arguments, "--yes", typed="").errors


def test_what_is_so_already_is_not_asked_about() -> None:
    """There is nothing to decide."""
    transport = FakeTransport({CHANGES: ok(made(changed=False).model_copy(update={"is_dry_run": True}))})
    outcome = run(transport, "pin", "line", "2", typed="")
    assert (outcome.code, outcome.out) == (Exit.DONE, "pin version 2: it is so already, nothing was changed")
    assert len(transport.requests) == 1


def test_nobody_is_asked_where_nobody_is() -> None:
    """A script that removes without --yes is told so, and nothing happens."""
    transport = a_master()
    outcome = run(transport, "remove", "line")
    assert outcome.code == Exit.USAGE
    assert "add --yes" in outcome.errors
    assert all(request.body["dry_run"] for request in transport.requests)


def test_a_change_that_changes_nothing_says_so() -> None:
    """Repeating a pin is no error."""
    transport = FakeTransport({CHANGES: ok(made(changed=False))})
    assert run(transport, "pin", "line", "2").out == "pin version 2: it was so already"


def test_a_conflict_is_told_with_its_own_code() -> None:
    """Two operators cannot overwrite each other unseen."""
    outcome = run(FakeTransport({CHANGES: problem(412, "alice changed line meanwhile")}), "pin", "line", "2")
    assert outcome.code == Exit.CONFLICT
    assert "alice changed line meanwhile" in outcome.errors


def test_a_change_whose_answer_was_lost_is_asked_again_with_the_same_key() -> None:
    """A rollback is not done twice because a line broke."""
    transport = FakeTransport({CHANGES: [Broken("reset"), ok(made())]})
    assert run(transport, "rollback", "line").code == Exit.DONE
    first, second = (request.headers["Idempotency-Key"] for request in transport.requests)
    assert first == second


def test_a_label_that_cannot_be_one_is_refused_here() -> None:
    """The rule is named without asking the master."""
    transport = FakeTransport()
    assert run(transport, "label", "line", "not a label", "3").code == Exit.USAGE
    assert transport.requests == []


def test_sync_gathers_answers_and_names_who_did_not_answer() -> None:
    """Answers are grouped, silence has its exit code."""
    gathered = Gathered(
        answers=tuple(
            Answer(node=node, service="puller", is_done=True, sentences=("looking at line",)) for node in (N1, N2)
        ),
        unanswered=(N3,),
        seconds=5.0,
    )
    transport = FakeTransport({"POST /v1/commands/sync": ok(gathered)})
    outcome = run(transport, "sync", "line")
    assert sent(transport).body == {"nodes": None, "dry_run": False, "model": "line"}
    assert outcome.out == "n1, n2: looking at line"
    assert "no answer from n3" in outcome.errors
    assert outcome.code == Exit.NOT_AS_DESIRED


def test_a_node_that_refuses_makes_the_command_fail() -> None:
    """One failure is enough for exit code 1, and its words are shown."""
    refusal = Answer(node=N1, service="configurator", is_done=False, error="TF Serving is away")
    transport = FakeTransport(
        {"POST /v1/commands/reload": ok(Gathered(answers=(refusal,), unanswered=(), seconds=0.1))}
    )
    outcome = run(transport, "reload", "--node", "n1")
    assert outcome.code == Exit.FAILED
    assert "n1 did not follow: TF Serving is away" in outcome.errors


def test_retention_removes_only_after_a_yes() -> None:
    """Applying retention deletes files, so it shows which, and asks; its dry run does not ask."""
    answer = Answer(node=N1, service="configurator", is_done=True, sentences=("would delete version 1 of line",))
    gathered = ok(Gathered(answers=(answer,), unanswered=(), seconds=0.1))
    transport = FakeTransport({"POST /v1/commands/retention": gathered})
    assert run(transport, "retention", "line").code == Exit.USAGE
    assert transport.requests == []
    assert run(transport, "retention", "line", "--dry-run").code == Exit.DONE
    transport.requests.clear()
    outcome = run(transport, "retention", typed="yes\n")
    assert outcome.code == Exit.DONE
    assert outcome.out.splitlines()[0] == "n1: would delete version 1 of line"
    assert [request.body["dry_run"] for request in transport.requests] == [True, False]


def test_json_of_a_change_is_the_masters_answer() -> None:
    """A program reads revision and sentences."""
    answer = json.loads(run(a_master(), "pin", "line", "2", "--json").out)
    assert answer["revision_after"] == 4
