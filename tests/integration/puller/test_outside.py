"""A puller outside Google: signed in by workload identity federation, behind a proxy, with a CA of one's own.

Lists, downloads, Pub/Sub and sign-in take different client libraries. All of Google's hosts are named as they are; the
proxy answers for them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service import google_access
from tests.integration.puller.conftest import MODEL, TINY_MODEL, RunningPuller, World, read_tree
from tests.support.outside import IAM, PUBSUB, STORAGE, STS, Certificates, Proxy, certify, federated, proxying
from tests.support.outside import token_services as tokens
from tests.support.stack import eventually

TINY = read_tree(TINY_MODEL / "1")
NOTHING = dict.fromkeys(
    ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST", *google_access.PROXY, *google_access.CA_FILE), ""
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def proxy(world: World, certificates: Certificates) -> Iterator[Proxy]:
    ports = {STORAGE: urlsplit(world.gcs.url).port or 0, PUBSUB: int(world.gcs.pubsub_address.rpartition(":")[2])}
    with tokens() as port, proxying(certificates, {**ports, STS: port, IAM: port}) as running:
        yield running


def start(
    world: World, folder: Path, variables: Mapping[str, str] = {}, *, wait: bool = True, **settings: str
) -> RunningPuller:
    """Start a puller that has no emulator, and credentials of a federated identity."""
    credentials = {"GOOGLE_APPLICATION_CREDENTIALS": str(federated(folder, impersonates=True))}
    return world.start_puller(wait=wait, variables={**NOTHING, **credentials, **variables}, **settings)


async def works(puller: RunningPuller) -> None:
    """Wait until Pub/Sub is connected and the version is there, byte for byte."""
    await eventually(lambda: puller.report.pubsub.is_connected)
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == TINY


async def test_one_setting_each_reaches_every_client(
    world: World, proxy: Proxy, certificates: Certificates, tmp_path: Path
) -> None:
    """Proxy and CA serve lists, downloads, Pub/Sub and sign-in, and nobody is asked but those four hosts."""
    world.upload(1)
    await works(start(world, tmp_path, proxy=proxy.url, ca_file=str(certificates.ca)))
    assert proxy.unexpected == []  # such as cloudresourcemanager, which google.auth.default() asks for a project's id
    assert set(proxy.asked) == {STORAGE, PUBSUB, STS, IAM}


@pytest.mark.parametrize("ca_variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"])
async def test_the_variable_that_one_library_reads_reaches_all(
    world: World, proxy: Proxy, certificates: Certificates, tmp_path: Path, ca_variable: str
) -> None:
    """Whoever set the usual variables before need not learn ours."""
    world.upload(1)
    await works(start(world, tmp_path, {"HTTPS_PROXY": proxy.url, ca_variable: str(certificates.ca)}))


async def test_a_refused_certificate_is_told(world: World, proxy: Proxy, tmp_path: Path) -> None:
    """Both connections say what is wrong, and which setting mends it."""
    puller = start(world, tmp_path, wait=False, proxy=proxy.url)
    words = "the certificate is by no CA that is trusted here (unable to get local issuer certificate)"
    await eventually(lambda: words in puller.report.bucket.reason)
    await eventually(lambda: words in puller.report.pubsub.reason)
    assert "MM_CA_FILE" in puller.report.bucket.reason


async def test_a_proxy_that_refuses_is_told(
    world: World, proxy: Proxy, certificates: Certificates, tmp_path: Path
) -> None:
    """The answer of the proxy is quoted: it is its rules that somebody has to look at."""
    proxy.refuses = True
    puller = start(world, tmp_path, wait=False, proxy=proxy.url, ca_file=str(certificates.ca))
    await eventually(lambda: "the proxy refused the connection (403" in puller.report.bucket.reason)
    await eventually(lambda: "the proxy refused the connection (403" in puller.report.pubsub.reason)


async def test_what_the_first_connection_waits_for_is_told_at_once(
    world: World, proxy: Proxy, certificates: Certificates, tmp_path: Path
) -> None:
    """Where packets are dropped nobody sees a bare "not connected yet", and the reason follows."""
    proxy.is_silent = True
    puller = start(world, tmp_path, wait=False, proxy=proxy.url, ca_file=str(certificates.ca))
    first = puller.report
    assert "not connected yet" not in (first.bucket.reason, first.pubsub.reason)
    await eventually(lambda: "did not answer in time" in puller.report.bucket.reason)
    await eventually(lambda: "did not answer in time" in puller.report.pubsub.reason)
    assert MODEL not in puller.report.models


async def test_pubsub_that_refuses_at_the_proxy_is_told(
    world: World, certificates: Certificates, tmp_path: Path
) -> None:
    """A proxy that lets the bucket through and not Pub/Sub: versions come by polling, and the reason stands there."""
    world.upload(1)
    with tokens() as port:
        backends = {STORAGE: urlsplit(world.gcs.url).port or 0, STS: port, IAM: port}
        with proxying(certificates, backends) as proxy:
            puller = start(world, tmp_path, proxy=proxy.url, ca_file=str(certificates.ca))
            await eventually(lambda: puller.state(1) == "published")
            await eventually(lambda: "the proxy refused the connection (403)" in puller.report.pubsub.reason)
