"""One proxy and one set of CAs for every client library, and credentials without a question that nobody needs."""

from pathlib import Path

import pytest

from service import google_access
from service.google_access import CA_FILE, NO_PROXY, PROXY, check_ca_file, check_proxy, spread
from tests.support.outside import certify, federated

SECRET = "pa55"


def test_what_is_given_reaches_every_library_over_what_was_there(tmp_path: Path) -> None:
    """A setting of ours is meant for all of them."""
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    environment = {"HTTPS_PROXY": "http://old:1", "SSL_CERT_FILE": "/old", "no_proxy": "localhost"}
    spread(environment, proxy="http://new:2", ca_file=str(ca_file))
    assert {environment[name] for name in PROXY} == {"http://new:2"}
    assert {environment[name] for name in CA_FILE} == {str(ca_file)}
    assert {environment[name] for name in NO_PROXY} == {"localhost"}


@pytest.mark.parametrize("first", PROXY)
def test_one_variable_reaches_the_libraries_that_read_another(first: str) -> None:
    """What was set for one of them stays as it is."""
    environment = {first: "http://proxy:1"}
    spread(environment)
    assert {environment[name] for name in PROXY} == {"http://proxy:1"}
    both = {"HTTPS_PROXY": "http://a:1", "grpc_proxy": "http://b:2"}
    spread(both)
    assert (both["https_proxy"], both["grpc_proxy"]) == ("http://a:1", "http://b:2")


def test_nothing_is_set_where_nothing_is_given(tmp_path: Path) -> None:
    """Nor is a file that is not there."""
    environment = {"SSL_CERT_FILE": str(tmp_path / "nothing")}
    spread(environment)
    assert environment == {"SSL_CERT_FILE": str(tmp_path / "nothing")}


@pytest.mark.parametrize(
    "address", ["proxy:3128", "https://proxy:3128", "http://proxy", "http://u@proxy:1", "http://a b:1"]
)
def test_an_address_that_some_library_would_not_take_is_refused(address: str) -> None:
    """The sentence has the right form, and not the password that may be in it."""
    with pytest.raises(ValueError, match=r"http://\[<user>:<password>@\]HOST:PORT") as error:
        check_proxy(address)
    assert address not in str(error.value)


def test_addresses_of_proxies_are_taken() -> None:
    """By name, by address, with a password, and none."""
    for address in (
        "",
        "http://proxy:3128",
        "http://10.0.0.1:8080/",
        f"http://me:{SECRET}@proxy.corp:3128",
        "http://[::1]:1",
    ):
        assert check_proxy(address) == address


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    """At the start, not at the first connection."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "nothing"):
        with pytest.raises(ValueError, match="holds no CA certificate"):
            check_ca_file(path)
    made = certify(tmp_path / "made").ca
    assert check_ca_file(made) == made


def test_a_federated_identity_is_found_without_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests open no sockets, so any question, such as the one for the project's id, would fail here."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(federated(tmp_path)))
    found = google_access.credentials(["a-scope"])
    assert type(found).__module__ == "google.auth.identity_pool"
    assert getattr(found, "scopes", None) == ["a-scope"]


@pytest.mark.parametrize("text", ["", "{", '{"type": "external_account"}'])
def test_credentials_that_are_none_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """With the file's name."""
    (tmp_path / "key.json").write_text(text)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(Exception, match=r"key\.json holds no credentials"):
        google_access.credentials(["a-scope"])
