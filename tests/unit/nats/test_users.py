"""Keys and rights as the operator gets them on disk."""

from pathlib import Path

import pytest

from events import messages, subjects
from events.names import NodeName
from infra.nats import rights, users
from infra.nats.users import Names, Site

A, B = NodeName("node-a"), NodeName("n.b")
NAMES = Names((A, B), operators=(NodeName("alice"),), sites=(Site(NodeName("depot"), (NodeName("node-c"),)),))


def test_secrets_are_in_the_seeds_alone_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    """The file for the servers may be seen by anyone: a public key lets nobody in."""
    config = users.write(tmp_path, NAMES).read_text()
    seeds = list((tmp_path / "seeds").iterdir())
    assert {path.stem for path in seeds} == set(users.users(NAMES))
    for path in (*seeds, tmp_path / "sites" / "depot.conf"):
        assert path.stat().st_mode & 0o077 == 0
        assert path.read_text().removeprefix("nkey: ").strip() not in config
    assert all(users.public_key(seed) in config for seed in seeds)


def test_another_run_keeps_keys_and_lets_go_who_is_not_named(tmp_path: Path) -> None:
    """Adding a node does not lock the others out; leaving one out does."""
    users.write(tmp_path, NAMES)
    before = {path.name: path.read_bytes() for path in (tmp_path / "seeds").iterdir()}
    config = users.write(tmp_path, Names((A, NodeName("new")))).read_text()
    assert {name: (tmp_path / "seeds" / name).read_bytes() for name in before} == before
    assert "# puller.new\n" in config
    assert "# puller.n.b\n" not in config
    assert users.public_key(tmp_path / "seeds" / "puller.n.b.nk") not in config


def test_program_writes_what_it_was_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line names nodes, operators and sites, and the answer says where everything is."""
    assert (
        users.main(["node-a", "--operator", "alice", "--site", "depot=c,d", "--shared", "--folder", str(tmp_path)]) == 0
    )
    said = capsys.readouterr().out
    assert f"{tmp_path}/users.conf" in said
    assert f"{tmp_path}/sites/depot.conf" in said
    config = (tmp_path / "users.conf").read_text()
    for user in ("master", "admin", "operator.alice", "puller", "configurator.node-a", "puller.d", "site.depot"):
        assert f"# {user}\n" in config


@pytest.mark.parametrize("arguments", [["*"], ["a b"], ["a", "--site", "depot="], ["a", "--operator", "../alice"]])
def test_names_that_are_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A name that would widen a right, or leave the folder, is told and nothing is written."""
    assert users.main([*arguments, "--folder", str(tmp_path / "new")]) == 2
    assert "is not a node name" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_node_has_no_right_that_names_another(tmp_path: Path) -> None:
    """In all rights of a node's services its own name stands wherever a node's name may."""
    for role in (rights.puller, rights.configurator):
        mine, others = role(A), role(B)
        for ours, theirs in ((mine.publish, others.publish), (mine.subscribe, others.subscribe)):
            assert [text.replace("node-a", "n=2Eb") for text in ours] == list(theirs)
            shared = set(ours) & set(theirs) - {rights.ANSWERS_TO_OPERATORS, subjects.PULLERS_PRESENCE}
            assert not any(text.startswith(("$KV.", "_INBOX.", "mm.v1.event.", "mm.v1.cmd.")) for text in shared)


def test_nobody_may_answer_wherever_a_message_says(tmp_path: Path) -> None:
    """`allow_responses` would: a client could send itself a message that asks for its answer in desired state."""
    assert "allow_responses" not in users.write(tmp_path, NAMES).read_text()
    for user, allowed in users.users(NAMES).items():
        places = {text for text in allowed.publish if text.startswith(("_INBOX.", "mm.v1.answer"))}
        assert places <= {rights.ANSWERS_TO_OPERATORS, rights.ANSWERS_TO_MASTERS}, user


def test_nobody_but_the_admin_has_all_of_anything_of_jetstream() -> None:
    """No other role may delete, purge or change a stream."""
    for user, allowed in users.users(NAMES).items():
        broad = [text for text in allowed.publish if text.startswith("$JS.API") and "CONSUMER" not in text]
        verbs = {text.split(".")[3] for text in broad if text.startswith("$JS.API.STREAM.")}
        assert user == "admin" or verbs <= {"INFO", "CREATE", "MSG", "NAMES", "LIST"}, user
        assert user == "admin" or "$JS.API.>" not in allowed.publish


@pytest.mark.parametrize("service", ["puller", "configurator"])
def test_a_node_may_make_one_consumer_and_say_its_own_kinds_of_events(service: str) -> None:
    """Nothing that a key may say of JetStream has a place left open, and no event another service's name."""
    allowed = getattr(rights, service)(A).publish
    stream = f"KV_{subjects.DESIRED_BUCKET}"
    assert [text for text in allowed if "CONSUMER" in text] == [
        f"$JS.API.CONSUMER.CREATE.{stream}.node-a-{service}.$KV.{subjects.DESIRED_BUCKET}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.node-a-{service}",
    ]
    assert not any("DIRECT.GET" in text or "MSG.NEXT" in text for text in allowed)
    assert {text for text in allowed if text.startswith("mm.v1.event.")} == {
        f"mm.v1.event.node-a.{service}.{kind.type}.>" for kind in messages.of(service)
    }


def test_clusters_are_accounts_of_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run names one; the others stay as they were, and have keys of their own."""
    for cluster in ("red", "blue", "red"):
        assert users.main(["node-a", "--cluster", cluster, "--folder", str(tmp_path)]) == 0
    config = (tmp_path / "users.conf").read_text()
    assert config.count("jetstream: enabled") == 2
    assert config.count("# puller.node-a\n") == 2
    keys = [users.public_key(tmp_path / "seeds" / cluster / "puller.node-a.nk") for cluster in ("red", "blue")]
    assert len(set(keys)) == 2
    assert all(config.count(key) == 1 for key in keys)
    assert f"{tmp_path}/seeds/red" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "--cluster", "Red"], "is not a name of a cluster"),
        (["a", "--cluster", "x {"], "is not a name of a cluster"),
        (["a", "--cluster", "red", "--site", "s=c"], "do not go together"),
        (["a"], "which this would cut off"),
    ],
)
def test_no_slip_cuts_a_cluster_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """A run that would take the other clusters' users away, or that names none, changes nothing."""
    users.main(["node-a", "--cluster", "blue", "--folder", str(tmp_path)])
    before = (tmp_path / "users.conf").read_text()
    assert users.main([*arguments, "--folder", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "users.conf").read_text() == before


def test_a_cluster_without_a_name_is_not_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its users would no longer be let in once the file holds accounts."""
    users.main(["node-a", "--folder", str(tmp_path)])
    assert users.main(["node-a", "--cluster", "red", "--folder", str(tmp_path)]) == 2
    assert "in a new --folder" in capsys.readouterr().err
