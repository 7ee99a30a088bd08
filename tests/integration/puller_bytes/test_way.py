"""Downloads on the way to Google: by the proxy that is named, trusting the CAs that are named, and no others."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from events.names import ModelName, Version
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.connections import Connections
from puller.download.engine import Interrupted
from puller.download.http_engine import HttpEngine
from service.google_access import Way
from tests.support.outside import LOOPBACK, STORAGE, Certificates, Proxy, certify, proxying
from tests.support.stack import GcsServer

NOT_TRUSTED = "the certificate is by no CA that is trusted here (unable to get local issuer certificate)"


class SignedIn(Access):
    """Access to Google of somebody who is signed in already."""

    async def headers(self) -> Mapping[str, str]:  # type: ignore[override] # nothing is signed
        """Sign nothing."""
        return {}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def other_ca(tmp_path: Path) -> str:
    return str(certify(tmp_path / "other", name="Somebody else's CA").ca)


@pytest.fixture
def proxy(gcs_server: GcsServer, certificates: Certificates) -> Iterator[Proxy]:
    gcs_server.bucket.write("m/1/f", b"the bytes")
    with proxying(certificates, {STORAGE: urlsplit(gcs_server.url).port or 0}) as running:
        yield running


@asynccontextmanager
async def engine(way: Way) -> AsyncIterator[HttpEngine]:
    access = SignedIn(emulator="", way=way)
    made = HttpEngine("models", access)
    try:
        yield made
    finally:
        made.close()
        access.close()


async def download(server: GcsServer, way: Way) -> bytes:
    """Download the object; where it is, the emulator has said."""
    access = Access(emulator=server.url)
    (file,) = (await Bucket("models", prefix="", access=access).listing(ModelName("m"), Version(1))).files
    access.close()
    pieces: list[bytes] = []
    async with engine(way) as reading:
        async for _ in reading.stream(file, start=0, end=9, write=lambda piece: pieces.append(bytes(piece))):
            pass
    return b"".join(pieces)


async def test_a_download_takes_the_proxy_and_believes_the_ca(
    gcs_server: GcsServer, proxy: Proxy, certificates: Certificates
) -> None:
    """Also through a proxy that is given a password."""
    secret = proxy.url.replace("://", "://me:secret@")
    assert await download(gcs_server, Way(secret, ca_file=str(certificates.ca))) == b"the bytes"
    assert proxy.asked == [STORAGE]
    assert proxy.passwords == ["Basic bWU6c2VjcmV0"]


async def test_a_refused_certificate_is_told(gcs_server: GcsServer, proxy: Proxy, other_ca: str) -> None:
    """With the setting that mends it."""
    with pytest.raises(Interrupted) as error:
        await download(gcs_server, Way(proxy.url, ca_file=other_ca))
    assert NOT_TRUSTED in str(error.value)
    assert "MM_CA_FILE" in str(error.value)


async def test_a_refusal_of_the_proxy_is_told(gcs_server: GcsServer, proxy: Proxy, certificates: Certificates) -> None:
    """In its own words."""
    proxy.refuses = True
    with pytest.raises(Interrupted, match=r"the proxy refused the connection \(403 Not Allowed By The Proxy\)"):
        await download(gcs_server, Way(proxy.url, ca_file=str(certificates.ca)))


async def test_a_proxy_that_is_not_there_is_told(gcs_server: GcsServer, proxy: Proxy) -> None:
    """Nothing listens at its port."""
    with pytest.raises(Interrupted, match="the connection was refused"):
        await download(gcs_server, Way(f"http://{LOOPBACK}:9"))


async def test_a_silent_proxy_is_told(gcs_server: GcsServer, proxy: Proxy) -> None:
    """Within the time that a connection may take."""
    proxy.is_silent = True
    with pytest.raises(Interrupted, match="it did not answer in time"):
        await download(gcs_server, Way(proxy.url))


def test_a_host_that_is_left_out_is_reached_straight(gcs_server: GcsServer, proxy: Proxy) -> None:
    """The proxy hears nothing of it; of another one it does, and refuses that."""
    url = gcs_server.url.replace("http://", "https://")

    def attempt(no_proxy: str) -> None:
        with pytest.raises(OSError, match=r"Tunnel|SSL"):  # nobody speaks TLS there: all that counts is who was asked
            Connections(url, connect_seconds=5.0, buffer_bytes=1, way=Way(proxy.url, no_proxy)).connect()

    attempt(f"localhost, {LOOPBACK}")
    assert proxy.asked == []
    attempt("localhost")
    assert proxy.asked == [LOOPBACK]


@pytest.fixture(params=["SSL_CERT_FILE", "SSL_CERT_DIR"])
def trusted_by_the_system(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Have OpenSSL find the proxy's CA by its own variables."""
    ca = certificates.ca
    monkeypatch.setenv(request.param, str(ca if request.param == "SSL_CERT_FILE" else folder_of(ca, tmp_path / "own")))


@pytest.mark.usefixtures("trusted_by_the_system")
async def test_a_ca_file_stands_in_place_of_what_the_system_trusts(
    gcs_server: GcsServer, proxy: Proxy, other_ca: str
) -> None:
    """What OpenSSL finds by its own variables counts where no file is named, and only then."""
    assert await download(gcs_server, Way(proxy.url)) == b"the bytes"
    with pytest.raises(Interrupted) as error:
        await download(gcs_server, Way(proxy.url, ca_file=other_ca))
    assert NOT_TRUSTED in str(error.value)


def folder_of(ca: Path, folder: Path) -> Path:
    """Put a CA into a folder under the name that OpenSSL looks for: a hash of the subject in its canonical form."""
    certificate = x509.load_pem_x509_certificate(ca.read_bytes())
    (common_name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common_name.value).lower().encode()
    pair = b"\x06\x03\x55\x04\x03\x0c" + bytes([len(text)]) + text
    sequence = b"\x30" + bytes([len(pair)]) + pair
    digest = hashlib.sha1(b"\x31" + bytes([len(sequence)]) + sequence, usedforsecurity=False).digest()
    folder.mkdir()
    (folder / f"{int.from_bytes(digest[:4], 'little'):08x}.0").write_bytes(ca.read_bytes())
    return folder
