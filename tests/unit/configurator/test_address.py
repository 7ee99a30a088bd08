"""Where TensorFlow Serving is: a wrong address ends the start with a sentence of its own."""

import pytest

from configurator.settings import ConfiguratorSettings
from service import settings
from service.errors import BadSettings


def load(address: str) -> str:
    return settings.load(ConfiguratorSettings, {"MM_NODE": "n1", "MM_SERVING_ADDRESS": address}).serving_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8500",
        "[::1]:8500",
        "[fe80::1%eth0]:8500",
        "tfserving-node_a:8500",
        "serving.example.com.:1",
        "s:65535",
        "unix:/run/tfserving/grpc.sock",
    ],
)
def test_an_address_is_taken_as_it_stands(address: str) -> None:
    """Names, addresses of both kinds, and the path of a socket."""
    assert load(address) == address


def test_a_socket_may_be_written_as_an_address_of_the_web() -> None:
    """`unix:///path` is the same place."""
    assert load("unix:///run/grpc.sock") == "unix:/run/grpc.sock"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:8501", "begins with http://.*127.0.0.1:8500.*The REST port is not asked"),
        ("HTTPS://serving:8501", "begins with https://.*MM_SERVING_CA_FILE turns TLS on"),
        ("grpc://serving:8500", "begins with grpc://"),
        ("127.0.0.1:85000", "'85000' is no port; a port is a number from 1 to 65535"),
        ("127.0.0.1:0", "'0' is no port"),
        ("127.0.0.1:²", "'²' is no port"),
        ("127.0.0.1:grpc", "'grpc' is no port"),
        ("127.0.0.1:8500/", "'8500/' is no port"),
        ("127.0.0.1:", "'' is no port"),
        ("127.0.0.1", "'127.0.0.1' names no port; give host:port"),
        ("[::1]", "names no port"),
        ("::1:8500", "has several colons; an IPv6 address stands in brackets"),
        (":8500", "names no host"),
        ("a b:8500", "names no host"),
        ("x\x1b[2J:8500", r"'x\\x1b\[2J:8500' names no host"),
        ("unix:run/grpc.sock", "names no whole path of a socket"),
        ("unix:/run/", "names no whole path of a socket"),
        ("unix://host/run/../grpc.sock?x", "names no whole path of a socket"),
        ("unix:/" + "x" * 107, "is too long for a socket; 107 characters are the most"),
    ],
)
def test_a_wrong_address_is_refused_in_a_sentence(address: str, words: str) -> None:
    """It names the variable, what is wrong, and what to write; in one line."""
    with pytest.raises(BadSettings, match=f"^MM_SERVING_ADDRESS: .*{words}") as caught:
        load(address)
    assert "\n" not in str(caught.value)


def test_a_password_in_an_address_is_not_shown() -> None:
    """It has no place there."""
    with pytest.raises(BadSettings, match="it names a user") as caught:
        load("me:hunter2@serving:8500")
    assert "hunter2" not in str(caught.value)


def test_a_wrong_address_ends_the_program_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is begun."""
    given = {"MM_SERVING_ADDRESS": "http://serving:8501"}
    with pytest.raises(SystemExit) as caught:
        settings.start(ConfiguratorSettings, arguments=[], environment=given, purpose="")
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: wrong settings: MM_SERVING_ADDRESS: it begins with http://")
