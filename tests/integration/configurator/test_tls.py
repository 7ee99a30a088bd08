"""TLS and Unix sockets to TensorFlow Serving, with real gRPC; where no connection comes about, the cause is told."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from configurator.serving.client import MODEL_SERVICE, Serving, ServingAway
from configurator.serving.tls import Tls
from tests.integration.configurator.conftest import Node
from tests.support.certificates import Authority, Pair

LOOPBACK = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The one that signs for this node."""
    return Authority(tmp_path, "authority")


@contextmanager
def server(
    place: str = f"{LOOPBACK}:0", *, pair: Pair | None = None, clients: Authority | None = None
) -> Iterator[str]:
    """A gRPC server that knows no model; with TLS where it has a pair, for clients of an authority where it has one."""

    def status(_request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "Could not find any versions of model")
        raise AssertionError

    running = grpc.server(ThreadPoolExecutor(2))
    handlers = {"GetModelStatus": grpc.unary_unary_rpc_method_handler(status)}
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(MODEL_SERVICE.strip("/"), handlers),))
    if pair is None:
        port = running.add_insecure_port(place)
    else:
        credentials = grpc.ssl_server_credentials(
            [(pair.key.read_bytes(), pair.cert.read_bytes())],
            root_certificates=clients.ca.read_bytes() if clients else None,
            require_client_auth=clients is not None,
        )
        port = running.add_secure_port(place, credentials)
    running.start()
    try:
        yield place if place.startswith("unix:") else f"{LOOPBACK}:{port}"
    finally:
        running.stop(0).wait()


async def ask(address: str, tls: Tls | None) -> str:
    """Ask once: empty where there was an answer, else what the operator is told."""
    serving = Serving(address, tls)
    try:
        assert await serving.status("m") == {}
    except ServingAway as away:
        return str(away)
    finally:
        await serving.close()
    return ""


async def test_a_server_with_tls_is_asked(authority: Authority) -> None:
    """Its certificate is for the address that is set."""
    with server(pair=authority.sign(LOOPBACK)) as address:
        assert await ask(address, Tls(authority.ca)) == ""


async def test_the_name_of_the_certificate_can_be_set(authority: Authority) -> None:
    """Where it is not that of the address; and the difference is told where it is not set."""
    with server(pair=authority.sign("serving.example")) as address:
        assert await ask(address, Tls(authority.ca, name="serving.example")) == ""
        words = await ask(address, Tls(authority.ca))
    assert "is there, and no connection comes about: its certificate is not believed: IP address mismatch" in words
    assert "MM_SERVING_NAME" in words


async def test_a_certificate_of_another_authority_is_told(authority: Authority, tmp_path: Path) -> None:
    """Not that nobody answers."""
    with server(pair=authority.sign(LOOPBACK)) as address:
        words = await ask(address, Tls(Authority(tmp_path, "other").ca))
    assert "its certificate is not believed: unable to get local issuer certificate (MM_SERVING_CA_FILE" in words
    assert "does not answer" not in words


async def test_a_certificate_that_has_ended_is_told(authority: Authority) -> None:
    """By its cause."""
    with server(pair=authority.sign(LOOPBACK, days=0)) as address:
        assert "its certificate is not believed: certificate has expired" in await ask(address, Tls(authority.ca))


async def test_a_client_certificate_is_shown(authority: Authority) -> None:
    """Where the server asks for one; and told where none is set."""
    client = authority.sign("configurator")
    with server(pair=authority.sign(LOOPBACK), clients=authority) as address:
        assert await ask(address, Tls(authority.ca, client.cert, client.key)) == ""
        words = await ask(address, Tls(authority.ca))
    assert "wants a client certificate" in words
    assert "MM_SERVING_CERT_FILE, MM_SERVING_KEY_FILE" in words


async def test_a_client_certificate_that_is_not_believed_is_told(authority: Authority, tmp_path: Path) -> None:
    """By the name of its file."""
    client = Authority(tmp_path, "other").sign("configurator")
    with server(pair=authority.sign(LOOPBACK), clients=authority) as address:
        words = await ask(address, Tls(authority.ca, client.cert, client.key))
    assert "does not believe" in words
    assert str(client.cert) in words


async def test_tls_to_a_server_without_it_is_told(authority: Authority) -> None:
    """And what to do about it."""
    with server() as address:
        assert "it does not speak TLS; start it with --ssl_config_file" in await ask(address, Tls(authority.ca))


async def test_a_server_with_tls_that_is_asked_in_the_clear_is_told(authority: Authority) -> None:
    """And what to do about it, whether it wants client certificates or not."""
    for clients in (None, authority):
        with server(pair=authority.sign(LOOPBACK), clients=clients) as address:
            assert "it speaks TLS; set MM_SERVING_CA_FILE" in await ask(address, None)


async def test_where_nobody_listens_nothing_is_made_up(authority: Authority, tmp_path: Path) -> None:
    """Then it does not answer; by a port, and by a socket that is not there."""
    with server() as address:
        pass
    for tls in (None, Tls(authority.ca)):
        assert f"at {address} does not answer: " in await ask(address, tls)
        assert "does not answer: " in await ask(f"unix:{tmp_path}/none.sock", tls)


async def test_a_unix_socket_is_asked(authority: Authority, tmp_path: Path) -> None:
    """In the clear, and with TLS: then the certificate is for localhost, or the name that is set."""
    with server(f"unix:{tmp_path}/clear.sock") as address:
        assert await ask(address, None) == ""
    with server(f"unix:{tmp_path}/tls.sock", pair=authority.sign("localhost")) as address:
        assert await ask(address, Tls(authority.ca)) == ""
        assert "it speaks TLS" in await ask(address, None)
    with server(f"unix:{tmp_path}/named.sock", pair=authority.sign("serving.example")) as address:
        assert "Hostname mismatch" in await ask(address, Tls(authority.ca))
        assert await ask(address, Tls(authority.ca, name="serving.example")) == ""


def test_a_node_works_over_tls_and_says_why_it_does_not(bare_node: Node, authority: Authority) -> None:
    """The whole program, with client certificates; the report and the readiness have the cause."""
    pair, client = authority.sign("serving.example"), authority.sign("configurator")
    texts = {"server_key": pair.key, "server_cert": pair.cert, "custom_ca": authority.ca}
    config = bare_node.folder / "ssl.config"
    lines = [f"{name}: {json.dumps(path.read_text())}" for name, path in texts.items()]
    config.write_text("\n".join([*lines, "client_verify: true"]))
    trust = {"serving_ca_file": authority.ca, "serving_name": "serving.example"}
    bare_node.start_serving(f"--ssl_config_file={config}")
    bare_node.start_configurator(**trust)
    bare_node.until(lambda: "wants a client certificate" in bare_node.report().serving.reason)
    assert "wants a client certificate" in bare_node.readiness()[1]
    bare_node.kill_configurator()
    bare_node.start_configurator(**trust, serving_cert_file=client.cert, serving_key_file=client.key)
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))


def test_a_node_works_over_a_unix_socket(bare_node: Node) -> None:
    """Also over a restart of TensorFlow Serving, which makes the socket anew."""
    socket = bare_node.folder / "grpc.sock"
    bare_node.start_serving(f"--grpc_socket_path={socket}")
    bare_node.start_configurator(serving_address=f"unix:{socket}")
    bare_node.publish(1)
    bare_node.until(lambda: bare_node.serves(1))
    bare_node.kill_serving()
    bare_node.until(lambda: bare_node.readiness()[0] == 503)
    bare_node.start_serving(f"--grpc_socket_path={socket}")
    bare_node.until(lambda: bare_node.serves(1))
