"""Certificates for the NATS servers, made by the machine's `openssl`."""

import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from infra.swarm import certificates
from infra.swarm.render import Node

NODES = [Node(name, name, "worker", "ready", "active", {"mm.nats": "yes"}, 8, 8) for name in ("b", "a")]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_certificate_has_every_server_s_name(tmp_path: Path) -> None:
    """Services find the servers by these names, and servers prove themselves to each other by it."""
    certificates.make(tmp_path / "tls", NODES)
    server, authority = read(tmp_path / "tls/server.crt"), read(tmp_path / "tls/ca.crt")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "nats-a", "nats-b"]
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    server.verify_directly_issued_by(authority)


def test_another_certificate_is_of_the_same_authority(tmp_path: Path) -> None:
    """A server that comes later gets a certificate that everybody trusts already."""
    certificates.make(tmp_path, NODES[:1])
    authority, first = (tmp_path / "ca.crt").read_bytes(), read(tmp_path / "server.crt")
    certificates.make(tmp_path, NODES)
    assert (tmp_path / "ca.crt").read_bytes() == authority
    assert read(tmp_path / "server.crt").serial_number != first.serial_number
    read(tmp_path / "server.crt").verify_directly_issued_by(read(tmp_path / "ca.crt"))


def test_keys_are_read_by_nobody_else(tmp_path: Path) -> None:
    """Private keys belong to whoever made them."""
    certificates.make(tmp_path, NODES)
    assert {(tmp_path / name).stat().st_mode & 0o077 for name in ("ca.key", "server.key")} == {0}
