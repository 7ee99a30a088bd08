"""Settings: from the environment, with one line for whatever is wrong."""

from pathlib import Path

import pytest
from pydantic import Field

from service import settings
from service.errors import BadSettings
from service.settings import Settings


class Example(Settings):
    """A service's settings as a service writes them."""

    bucket: str = Field(description="the bucket to watch")
    poll_seconds: float = Field(300, gt=0, description="seconds between polls")


def test_settings_come_from_the_environment() -> None:
    """Each field is `MM_` and its name; the rest has defaults."""
    loaded = settings.load(Example, {"MM_NODE": "n1", "MM_BUCKET": "b", "MM_POLL_SECONDS": "2.5", "OTHER": "x"})
    assert (loaded.node, loaded.bucket, loaded.poll_seconds) == ("n1", "b", 2.5)


def test_empty_variable_counts_as_unset() -> None:
    """Compose files can pass optional variables through."""
    assert settings.load(Example, {"MM_BUCKET": "b", "MM_POLL_SECONDS": ""}).poll_seconds == 300


def test_every_wrong_setting_is_named_in_one_line() -> None:
    """The operator sees all that is wrong at once, by variable."""
    with pytest.raises(BadSettings) as caught:
        settings.load(Example, {"MM_POLL_SECONDS": "-1", "MM_NODE": "no spaces"})
    message = str(caught.value)
    assert "\n" not in message
    assert all(variable in message for variable in ("MM_BUCKET", "MM_POLL_SECONDS", "MM_NODE"))


def test_password_is_not_shown() -> None:
    """A secret appears in no text of the settings, right or wrong."""
    loaded = settings.load(Example, {"MM_BUCKET": "b", "MM_NATS_PASSWORD": "hunter2"})
    assert "hunter2" not in f"{loaded!r} {loaded} {settings.describe(Example)}"


def test_command_token_comes_from_a_file(tmp_path: Path) -> None:
    """Container engines hand secrets over as files; the newline that editors leave is no part of one."""
    (tmp_path / "token").write_text("s3cret\n")
    loaded = settings.load(Example, {"MM_BUCKET": "b", "MM_COMMAND_TOKEN_FILE": str(tmp_path / "token")})
    assert loaded.command_token.get_secret_value() == "s3cret"
    assert "s3cret" not in f"{loaded!r}"


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff"])
def test_unusable_token_file_is_wrong(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or holds no token stops the start; it must not leave the commands without one."""
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(BadSettings, match="MM_COMMAND_TOKEN_FILE"):
        settings.load(Example, {"MM_BUCKET": "b", "MM_COMMAND_TOKEN_FILE": str(tmp_path / "token")})


def test_wrong_settings_end_the_program_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, exit code 2."""
    with pytest.raises(SystemExit) as caught:
        settings.start(Example, arguments=[], environment={}, purpose="An example.")
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` names each variable with meaning and default."""
    with pytest.raises(SystemExit) as caught:
        settings.start(Example, arguments=["--help"], environment={}, purpose="An example.")
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "MM_BUCKET" in shown
    assert "(required)" in shown
    assert "(default: 300)" in shown
