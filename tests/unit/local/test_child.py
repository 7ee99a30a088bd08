"""What a child inherits, and how its end is told."""

import pytest

from infra.local.child import environment, exit_words


def test_foreign_settings_do_not_reach_a_child() -> None:
    """A person's own settings of the services and of Google's tools do not steer the embedded stack."""
    inherited = {"MM_BUCKET": "mine", "STORAGE_EMULATOR_HOST": "x", "GOOGLE_APPLICATION_CREDENTIALS": "y", "HOME": "/h"}
    assert environment({"MM_NODE": "n"}, inherited=inherited) == {
        "HOME": "/h",
        "MM_NODE": "n",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.mark.parametrize(("code", "words"), [(0, "exit code 0"), (2, "exit code 2"), (-9, "signal SIGKILL")])
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    """People read the signal's name, not a negative number."""
    assert exit_words(code) == words
