"""The command line of the official server."""

import pytest

from infra.tfserving.flags import FlagError, Flags, parse, usage


def read(*arguments: str) -> tuple[Flags, list[str]]:
    """Parse, and return the warnings, too."""
    warnings: list[str] = []
    return parse(arguments, warnings.append), warnings


def test_defaults_are_the_official_ones() -> None:
    """As `server.h` has them."""
    flags, warnings = read()
    assert (flags.port, flags.rest_api_port, flags.model_name) == (8500, 0, "default")
    assert (flags.max_num_load_retries, flags.load_retry_interval_micros) == (5, 60_000_000)
    assert (flags.num_load_threads, flags.num_unload_threads, flags.file_system_poll_wait_seconds) == (0, 0, 1)
    assert (flags.rest_api_timeout_in_ms, flags.enable_model_warmup, flags.saved_model_tags) == (30000, True, "serve")
    assert warnings == []


@pytest.mark.parametrize("form", [["--port=9000"], ["--port", "9000"]])
def test_a_value_follows_an_equals_sign_or_a_blank(form: list[str]) -> None:
    """Both are in use."""
    assert read(*form)[0].port == 9000


def test_negative_numbers_are_values() -> None:
    """A poll period of -1 is one."""
    assert read("--file_system_poll_wait_seconds", "-1")[0].file_system_poll_wait_seconds == -1


@pytest.mark.parametrize(
    ("form", "truth"),
    [
        (["--enable_model_warmup"], True),
        (["--enable_model_warmup=true"], True),
        (["--enable_model_warmup=1"], True),
        (["--enable_model_warmup=false"], False),
        (["--enable_model_warmup", "false"], False),
        (["--noenable_model_warmup"], False),
    ],
)
def test_booleans_have_many_forms(form: list[str], truth: bool) -> None:
    """All of them in one place."""
    assert read(*form)[0].enable_model_warmup is truth


def test_the_last_of_two_wins() -> None:
    """As in the official image, whose entry point passes flags before the user's."""
    assert read("--model_name=a", "--model_name=b")[0].model_name == "b"


@pytest.mark.parametrize("argument", ["--no_such=1", "--no_such", "--nonsense", "stray", "-p"])
def test_what_is_unknown_is_warned_about(argument: str) -> None:
    """And never refused."""
    assert read(argument) == (Flags(), [f"unknown argument: {argument}"])


def test_flags_of_the_real_runtime_are_taken_without_effect() -> None:
    """With their values, so that these are not mistaken for something else."""
    flags, warnings = read("--tensorflow_session_parallelism", "4", "--enable_batching", "--port=1")
    assert flags.port == 1
    assert warnings == [
        "flag has no effect in this server: --tensorflow_session_parallelism",
        "flag has no effect in this server: --enable_batching",
    ]


@pytest.mark.parametrize("arguments", [["--port=abc"], ["--port="], ["--port"], ["--enable_model_warmup=maybe"]])
def test_a_value_that_is_none_is_refused(arguments: list[str]) -> None:
    """It would be worse to start with something else."""
    with pytest.raises(FlagError):
        read(*arguments)


def test_the_usage_lists_every_flag() -> None:
    """With its default."""
    text = usage("program")
    for line in ("--port=8500", "--enable_model_warmup=true", '--model_name="default"', "--enable_batching"):
        assert line in text
