"""A bucket with requester-pays: every request of puller and command names the project that pays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.names import ModelName, Version
from infra.local.versions import saved_model
from master.cli.exits import Exit
from master.cli.google.storage import GoogleBucket, connect
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.download.http_engine import HttpEngine
from service.errors import Transient
from service.signatures.keys import generate
from tests.integration.cli.test_google import command
from tests.support.payer import Payer, requester_pays
from tests.support.stack import GcsServer

PROJECT = "example.com:pays"
MODEL, VERSION = ModelName("paid"), Version(1)
HINT = "name the project that pays in MM_BILLING_PROJECT"


@pytest.fixture
def payer(gcs_server: GcsServer) -> Iterator[Payer]:
    gcs_server.bucket.write("paid/1/saved_model.pb", b"a graph")
    with requester_pays(gcs_server.url) as running:
        yield running


async def test_lists_reads_and_downloads_of_the_puller(payer: Payer) -> None:
    """Each of them is another client's."""
    access = Access(emulator=payer.url, billing_project=PROJECT)
    bucket, engine = Bucket("models", prefix="", access=access), HttpEngine("models", access)
    try:
        assert VERSION in (await bucket.catalog()).models[MODEL]
        (file,) = (await bucket.listing(MODEL, VERSION)).files
        assert await bucket.read(file, max_bytes=100) == b"a graph"
        pieces: list[bytes] = []
        counts = engine.stream(file, start=0, end=7, write=lambda piece: pieces.append(bytes(piece)))
        assert sum([count async for count in counts]) == 7
        assert b"".join(pieces) == b"a graph"
        assert len(payer.paid) >= 4
        assert {project for _, project in payer.paid} == {PROJECT}
    finally:
        engine.close()
        access.close()


async def test_without_a_project_the_setting_is_named(payer: Payer) -> None:
    """In the words of Google, and ours after them."""
    access = Access(emulator=payer.url)
    with pytest.raises(Transient, match=HINT):
        await Bucket("models", prefix="", access=access).catalog()
    access.close()


def test_whatever_the_command_asks_of_the_bucket(payer: Payer) -> None:
    """The list of notifications is one that Google's client would send without; the emulator has none to show."""
    bucket = GoogleBucket(connect("p", emulator=payer.url), "models", billing_project=PROJECT)
    assert bucket.is_there()
    bucket.contents("paid/")
    bucket.folders("paid/")
    bucket.read("paid/1/saved_model.pb", lambda _: None)
    bucket.create("paid/2/saved_model.pb", b"another")
    for ask in (bucket.notifiers, lambda: bucket.notify(topic_path="projects/p/topics/t", prefix="")):
        with pytest.raises(Exception, match="notification"):
            ask()
    assert {project for _, project in payer.paid} == {PROJECT}
    asked = {what for what, _ in payer.paid}
    assert {"GET /storage/v1/b/models/notificationConfigs", "POST /storage/v1/b/models/notificationConfigs"} <= asked


def test_publish_verify_and_doctor(payer: Payer, gcs_server: GcsServer, tmp_path: Path) -> None:
    """With the variable they work; without it they say which one is missing; a wrong one is told."""
    (tmp_path / "saved_model.pb").write_bytes(saved_model())
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables/variables.index").write_bytes(b"index")
    (tmp_path / "variables/variables.data-00000-of-00001").write_bytes(b"weights")
    line = (gcs_server, "publish", tmp_path, "gs://models/paid/7")
    refused = command(*line, STORAGE_EMULATOR_HOST=payer.url)
    assert refused.returncode == Exit.FAILED
    assert HINT in " ".join(refused.stderr.split())
    done = command(*line, STORAGE_EMULATOR_HOST=payer.url, MM_BILLING_PROJECT=PROJECT)
    assert done.returncode == Exit.DONE, done.stderr
    check = (gcs_server, "verify", "gs://models/paid/7", "--key", tmp_path / "key.pem")
    (tmp_path / "key.pem").write_bytes(generate().public.pem)
    unsigned = command(*check, STORAGE_EMULATOR_HOST=payer.url, MM_BILLING_PROJECT=PROJECT)
    assert "it has no signature (model.sig)" in " ".join(unsigned.stderr.split())
    place = ("doctor", "--bucket", "models", "--topic", gcs_server.topic)
    looked = command(gcs_server, *place, STORAGE_EMULATOR_HOST=payer.url, MM_BILLING_PROJECT=PROJECT)
    assert "bucket models: it is there" in looked.stdout
    wrong = command(*line, MM_BILLING_PROJECT="projects/pays")
    assert wrong.returncode == Exit.USAGE
    assert "write pays" in wrong.stderr
