"""`publish` and `doctor` outside Google: behind a proxy, with a CA of one's own, signed in by a federated identity."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.versions import FIRST, write_scripted
from master.cli.exits import Exit
from service import google_access
from tests.integration.cli.test_google import command
from tests.support.outside import IAM, PUBSUB, STORAGE, STS, Certificates, Proxy, certify, federated, proxying
from tests.support.outside import token_services as tokens
from tests.support.stack import GcsServer

NOTHING = {"STORAGE_EMULATOR_HOST": "", "PUBSUB_EMULATOR_HOST": ""}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def proxy(gcs_server: GcsServer, certificates: Certificates) -> Iterator[Proxy]:
    ports = {STORAGE: urlsplit(gcs_server.url).port or 0, PUBSUB: int(gcs_server.pubsub_address.rpartition(":")[2])}
    with tokens() as port, proxying(certificates, {**ports, STS: port, IAM: port}) as running:
        yield running


@pytest.fixture
def outside(proxy: Proxy, certificates: Certificates, tmp_path: Path) -> dict[str, str]:
    """The variables of somebody who is outside."""
    return {
        **NOTHING,
        "GOOGLE_APPLICATION_CREDENTIALS": str(federated(tmp_path, impersonates=True)),
        "MM_PROXY": proxy.url,
        "MM_CA_FILE": str(certificates.ca),
    }


@pytest.fixture
def version(tmp_path: Path) -> Path:
    write_scripted(tmp_path / "export")
    return tmp_path / "export" / str(FIRST)


def test_publish_goes_through_the_proxy(
    gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str], version: Path
) -> None:
    """The version arrives whole, and nobody is asked but the bucket and the two services of the sign-in."""
    done = command(gcs_server, "publish", version, "gs://models/line/7", **outside)
    assert done.returncode == Exit.DONE, done.stderr
    assert "line/7/manifest.json" in gcs_server.bucket.names("line/7/")
    assert set(proxy.asked) == {STORAGE, STS, IAM}


def test_doctor_goes_through_the_proxy(gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str]) -> None:
    """Bucket and topic are found, each by its own client."""
    done = command(gcs_server, "doctor", "--bucket", "models", "--topic", gcs_server.topic, **outside)
    assert "bucket models: it is there" in done.stdout
    assert f"topic {gcs_server.topic}: it is there" in done.stdout
    assert set(proxy.asked) == {STORAGE, PUBSUB, STS, IAM}


def test_the_usual_variables_do_as_well(
    gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str], version: Path
) -> None:
    """Those of other programs, where ours are not set."""
    usual = {google_access.PROXY[0]: outside["MM_PROXY"], google_access.CA_FILE[0]: outside["MM_CA_FILE"]}
    given = {**outside, "MM_PROXY": "", "MM_CA_FILE": "", **usual}
    done = command(gcs_server, "publish", version, "gs://models/line/8", **given)
    assert done.returncode == Exit.DONE, done.stderr
    looked = command(gcs_server, "doctor", "--bucket", "models", "--topic", gcs_server.topic, **given)
    assert f"topic {gcs_server.topic}: it is there" in looked.stdout


def test_a_refused_certificate_is_told(gcs_server: GcsServer, outside: dict[str, str], version: Path) -> None:
    """With the setting that mends it, and no traceback."""
    for line in (("publish", version, "gs://models/line/9"), ("doctor", "--bucket", "models")):
        done = command(gcs_server, *line, **{**outside, "MM_CA_FILE": ""})
        said = " ".join((done.stdout + done.stderr).split())
        assert "the certificate is by no CA that is trusted here" in said
        assert "MM_CA_FILE" in said
        assert "Traceback" not in said


def test_a_proxy_that_refuses_is_told(
    gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str], version: Path
) -> None:
    """In its own words."""
    proxy.refuses = True
    done = command(gcs_server, "publish", version, "gs://models/line/9", **outside)
    assert done.returncode == Exit.FAILED
    assert "the proxy refused the connection (403" in " ".join(done.stderr.split())


def test_a_sign_in_that_gets_no_answer_is_told(
    gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str], version: Path
) -> None:
    """With the host that is waited for. Signing in anew would not help, so nobody is told to."""
    proxy.is_silent = True
    place = ("--bucket", "models", "--topic", gcs_server.topic)
    for line in (
        ("publish", version, "gs://models/line/9"),
        ("doctor", *place),
        ("bootstrap", "--project", "p", *place),
    ):
        done = command(gcs_server, *line, **outside)
        assert done.returncode in {Exit.FAILED, Exit.NOT_AS_DESIRED}
        said = " ".join((done.stdout + done.stderr).split())
        assert f"{STS}: it did not answer in time" in said
        assert "gcloud auth" not in said


@pytest.mark.parametrize("host", [STORAGE, PUBSUB])
def test_one_host_that_gives_no_answer_is_told(
    gcs_server: GcsServer, proxy: Proxy, outside: dict[str, str], version: Path, host: str
) -> None:
    """Where the sign-in goes through and the rest does not, nobody waits for minutes either."""
    proxy.silent_about = host
    line: tuple[object, ...] = ("doctor", "--bucket", "models", "--topic", gcs_server.topic)
    if host == STORAGE:
        line = ("publish", version, "gs://models/line/9")
    done = command(gcs_server, *line, **outside)
    said = " ".join((done.stdout + done.stderr).split())
    assert "did not answer in time" in said
    assert "Traceback" not in said
