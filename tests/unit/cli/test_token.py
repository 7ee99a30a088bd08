"""`token`: what is printed and what the master keeps."""

import hashlib
import json

from pydantic import SecretStr

from master.api.auth import Caller, Role, load
from master.cli.exits import Exit
from tests.fakes.master import FakeTransport, run


def test_a_token_is_new_each_time_and_its_line_holds_only_the_hash() -> None:
    """The line names who, the role and the SHA-256 of the token."""
    first, second = (json.loads(run(FakeTransport(), "token", "ci", "--role", "operator", "--json").out) for _ in "12")
    assert first["token"] != second["token"]
    assert first["line"] == f"ci:operator:{hashlib.sha256(first['token'].encode()).hexdigest()}"


def test_people_get_line_and_token() -> None:
    """On standard output are the two things to copy, what they are for is beside it."""
    outcome = run(FakeTransport(), "token", "alice")
    line, token = outcome.out.splitlines()
    assert line.startswith("alice:viewer:")
    assert token not in line
    assert "MM_TOKENS_FILE" in outcome.errors


def test_a_name_that_would_break_the_file_is_refused() -> None:
    """A colon or a line end in a name would make another line of it."""
    for name in ("a:b", "a\nb", ""):
        assert run(FakeTransport(), "token", name).code == Exit.USAGE


def test_an_operators_token_may_be_bounded_to_models() -> None:
    """The line holds the patterns, and the master takes it; another role, and what is no pattern, is refused."""
    bounded = ("token", "ci", "--role", "operator", "--models", "team-a-*", "--models", "shared")
    made = json.loads(run(FakeTransport(), *bounded, "--json").out)
    assert made["line"].endswith(":team-a-*|shared")
    caller = load(SecretStr(made["line"]), None).find(made["token"])
    assert caller == Caller("ci", Role.OPERATOR, ("team-a-*", "shared"))
    for words in (("--models", "a*"), ("--role", "admin", "--models", "a*"), ("--role", "operator", "--models", "a:b")):
        assert run(FakeTransport(), "token", "ci", *words).code == Exit.USAGE
