"""gRPC is secured when `--ssl_config_file` says so, and never silently left open."""

import datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.serving import DEADLINE_SECONDS, Serving, child, serving, write_version

FAILED = 255


def self_signed() -> tuple[str, str]:
    """Return key and certificate of a server called localhost, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), certificate.public_bytes(pem).decode()


def test_grpc_speaks_tls_with_the_key_of_the_ssl_config(tmp_path: Path) -> None:
    """A client that trusts the certificate gets its answer."""
    (tmp_path / "a").mkdir()
    write_version(tmp_path / "a", 1)
    key, certificate = self_signed()
    config = tmp_path / "ssl.config"
    config.write_text(f"server_key: {_quoted(key)} server_cert: {_quoted(certificate)}")
    with serving(tmp_path, f"--model_base_path={tmp_path / 'a'}", f"--ssl_config_file={config}") as server:
        trust = grpc.ssl_channel_credentials(root_certificates=certificate.encode())
        name = (("grpc.ssl_target_name_override", "localhost"),)
        with grpc.secure_channel(server.address, trust, options=name) as channel:
            client = Serving(server.process, server.log, server.address, None, channel)
            assert client.predict("default", 1.0) == [2.5]


def test_credentials_the_server_cannot_have_end_the_start(tmp_path: Path) -> None:
    """Instead of serving in the clear."""
    (tmp_path / "a").mkdir()
    write_version(tmp_path / "a", 1)
    for flag in ("--use_alts_credentials", f"--ssl_config_file={tmp_path / 'missing'}"):
        with child(tmp_path, f"--model_base_path={tmp_path / 'a'}", flag) as (process, log):
            assert process.wait(DEADLINE_SECONDS) == FAILED
            assert "Failed to start server. Error: " in log.read_text()


def _quoted(text: str) -> str:
    return '"' + text.replace("\n", "\\n") + '"'
