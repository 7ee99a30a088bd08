"""One proxy and one set of CAs for every client library, and credentials without a question that nobody needs."""

from pathlib import Path

import pytest
from requests.utils import should_bypass_proxies

from service import google_access
from service.google_access import CA_FILE, CA_FILE_OF_GOOGLE, NO_PROXY, PROXY, Way, check_ca_file, check_proxy, spread
from tests.support.outside import certify, federated

SECRET = "pa55"


def test_what_is_given_reaches_every_library_over_what_was_there(tmp_path: Path) -> None:
    """A setting of ours is meant for all of them."""
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    environment = {"HTTPS_PROXY": "http://old:1", "SSL_CERT_FILE": "/old", "no_proxy": "localhost"}
    way = spread(environment, proxy="http://new:2", ca_file=str(ca_file))
    assert {environment[name] for name in PROXY} == {"http://new:2"}
    assert {environment[name] for name in CA_FILE_OF_GOOGLE} == {str(ca_file)}
    assert {environment[name] for name in NO_PROXY} == {"localhost"}
    assert way == Way("http://new:2", "localhost", str(ca_file))


def test_the_variable_that_all_of_the_process_reads_is_never_set(tmp_path: Path) -> None:
    """NATS's client reads SSL_CERT_FILE, and the CA that vouches for Google need not vouch for NATS."""
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    for given in ({}, {"REQUESTS_CA_BUNDLE": str(ca_file)}, {"SSL_CERT_FILE": "/old"}):
        environment = dict(given)
        spread(environment, ca_file=str(ca_file))
        assert environment.get("SSL_CERT_FILE") == given.get("SSL_CERT_FILE")


@pytest.mark.parametrize("first", CA_FILE)
def test_one_variable_of_a_ca_reaches_all_clients(tmp_path: Path, first: str) -> None:
    """Whoever of them has none of its own."""
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    environment = {first: str(ca_file)}
    assert spread(environment).ca_file == str(ca_file)
    assert {environment[name] for name in CA_FILE_OF_GOOGLE} == {str(ca_file)}


@pytest.mark.parametrize(
    "no_proxy",
    [
        *("", "localhost", "storage.googleapis.com", ".googleapis.com", "googleapis.com", "oogleapis.com.evil", "*"),
        *("a, storage.googleapis.com:443 ,b", "storage.googleapis.com:80", "STORAGE.googleapis.com", ",", " , "),
    ],
)
def test_hosts_are_left_out_as_requests_leaves_them_out(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list and a download of one bucket take the same way."""
    for name in NO_PROXY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", no_proxy)
    is_straight = should_bypass_proxies("https://storage.googleapis.com:443/", no_proxy=None)
    found = Way("http://proxy:1", no_proxy).proxy_to("storage.googleapis.com:443")
    assert found == ("" if is_straight else "http://proxy:1")


def test_a_password_is_not_shown() -> None:
    """Whatever prints the way."""
    assert SECRET not in repr(Way(f"http://me:{SECRET}@proxy:1"))


@pytest.mark.parametrize("first", PROXY)
def test_one_variable_reaches_the_libraries_that_read_another(first: str) -> None:
    """What was set for one of them stays as it is."""
    environment = {first: "http://proxy:1"}
    spread(environment)
    assert {environment[name] for name in PROXY} == {"http://proxy:1"}
    both = {"HTTPS_PROXY": "http://a:1", "grpc_proxy": "http://b:2"}
    assert spread(both).proxy == "http://a:1"
    assert (both["https_proxy"], both["grpc_proxy"]) == ("http://a:1", "http://b:2")


def test_nothing_is_set_where_nothing_is_given(tmp_path: Path) -> None:
    """Nor is a file that is not there."""
    environment = {"SSL_CERT_FILE": str(tmp_path / "nothing")}
    assert spread(environment) == Way()
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
