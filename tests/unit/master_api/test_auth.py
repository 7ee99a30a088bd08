"""Tokens: who is let in, and with which rights."""

import hashlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from master.api.auth import Caller, Role, is_local, load
from service.errors import BadSettings


def line(name: str, role: str, token: str) -> str:
    return f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"


def test_a_token_is_found_by_its_hash() -> None:
    """The master never keeps a token itself; upper-case hex is the same hash."""
    upper = hashlib.sha256(b"two").hexdigest().upper()
    tokens = load(SecretStr(f"{line('ci', 'operator', 'one')},eve:viewer:{upper}"), None)
    assert tokens.find("one") == Caller("ci", Role.OPERATOR)
    assert tokens.find("two") == Caller("eve", Role.VIEWER)
    assert tokens.find("three") is None
    assert tokens.find(hashlib.sha256(b"one").hexdigest()) is None


def test_an_operator_may_be_bounded_to_models() -> None:
    """By patterns; what touches all models at once is beyond every bound."""
    tokens = load(SecretStr(f"{line('ci', 'operator', 'one')}:team-a-*|shared"), None)
    caller = tokens.find("one")
    assert caller == Caller("ci", Role.OPERATOR, ("team-a-*", "shared"))
    names = ("team-a-ranker", "shared", "team-b-ranker", "Team-a-x", None)
    assert [caller.may_change(name) for name in names] == [True, True, False, False, False]
    assert Caller("ann", Role.OPERATOR).may_change(None)


def test_tokens_come_from_a_file_too(tmp_path: Path) -> None:
    """Both places count; comments and empty lines do not; a name may have two tokens while it changes them."""
    file = tmp_path / "tokens"
    file.write_text(f"# night shift\n\n{line('ann', 'admin', 'old')}\n{line('ann', 'admin', 'new')}\n")
    tokens = load(SecretStr(line("ci", "viewer", "one")), file)
    assert [tokens.find(token) for token in ("old", "new", "one")] == [
        Caller("ann", Role.ADMIN),
        Caller("ann", Role.ADMIN),
        Caller("ci", Role.VIEWER),
    ]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("ci:operator", "name:role:sha256"),
        ("ci:root:" + "0" * 64, "there are viewer, operator, admin"),
        ("ci:operator:" + "0" * 64 + ":", "is no pattern of models"),
        ("ci:operator:" + "0" * 64 + ":a b", "is no pattern of models"),
        ("ci:admin:" + "0" * 64 + ":a*", "only an operator's token"),
        ("ci:operator:" + "0" * 64 + ":a:b", "name:role:sha256"),
        ("c i:viewer:" + "0" * 64, "is no name"),
        ("ci:viewer:hunter2", "must not be the token"),
        (f"a:viewer:{'0' * 64},b:admin:{'0' * 64}", "stands there twice"),
    ],
)
def test_a_wrong_entry_stops_the_start_and_is_not_shown(entry: str, words: str) -> None:
    """A slip of the pen must not become an open door, nor a secret in a log."""
    with pytest.raises(BadSettings, match=words) as caught:
        load(SecretStr(entry), None)
    assert "hunter2" not in str(caught.value)


def test_an_unreadable_or_empty_file_stops_the_start(tmp_path: Path) -> None:
    """Who names a file wants tokens; without them loopback would be admin."""
    with pytest.raises(BadSettings, match="cannot be read"):
        load(SecretStr(""), tmp_path / "missing")
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(BadSettings, match="holds no token"):
        load(SecretStr(""), tmp_path / "empty")


def test_a_token_is_let_in_and_out_as_the_file_changes(tmp_path: Path) -> None:
    """Nobody restarts a master to take a stolen token away; a file put in the place of another counts, too."""
    file = tmp_path / "tokens"
    file.write_text(line("ann", "admin", "old"))
    tokens = load(SecretStr(""), file)
    file.write_text(f"{line('ann', 'admin', 'new')}\n{line('ci', 'viewer', 'one')}\n")
    assert (tokens.find("old"), tokens.find("new")) == (None, Caller("ann", Role.ADMIN))
    (tmp_path / "next").write_text(line("ci", "viewer", "one"))
    (tmp_path / "next").rename(file)
    assert (tokens.find("new"), tokens.find("one")) == (None, Caller("ci", Role.VIEWER))


@pytest.mark.parametrize("content", ["", "# nobody\n", "ci:viewer:hunter2", None])
def test_a_mistake_in_the_file_is_said_and_locks_nobody_out_or_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    """The tokens before it go on until it is mended: an empty file must not make this host admin."""
    file = tmp_path / "tokens"
    file.write_text(line("ann", "admin", "one"))
    tokens = load(SecretStr(""), file)
    file.unlink()
    if content is not None:
        file.write_text(content)
    with caplog.at_level("ERROR", "master.auth"):
        assert [tokens.find("one"), tokens.find("one")] == [Caller("ann", Role.ADMIN)] * 2
    assert len(caplog.records) == 1
    assert "hunter2" not in str(caplog.records[0].__dict__)
    file.write_text(line("ci", "viewer", "two"))
    assert (tokens.find("one"), tokens.find("two")) == (None, Caller("ci", Role.VIEWER))


def test_roles_include_those_before_them() -> None:
    """An admin may do what an operator may, and an operator what a viewer may, not the other way round."""
    assert [[have.includes(want) for want in Role] for have in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("client", "host", "local"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "[::1]:8000", True),
        ("127.0.0.1", "evil.example:8000", False),
        ("127.0.0.1", "", False),
        ("10.0.0.9", "127.0.0.1:8000", False),
        ("", "localhost", False),
        ("testclient", "localhost", False),
    ],
)
def test_this_host_is_told_by_client_and_by_name(client: str, host: str, local: bool) -> None:
    """A name that only resolves to this host does not make a browser's request local (DNS rebinding)."""
    assert is_local(client, host) is local
