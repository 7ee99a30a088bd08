"""What a node signs of what it serves: at each change, after each gap, and again before history forgets it."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from configurator.settings import ConfiguratorSettings
from events.desired import Policy
from events.messages import ModelAttested
from events.names import ModelName, Version
from service.layout import read_receipt
from service.signatures import attestation
from service.signatures.keys import generate
from tests.support.configurator import MODEL, NODE, Bench

KEY = generate()


@pytest.fixture
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "attest.pem"
    path.write_bytes(KEY.pem())
    return path


def said(bench: Bench) -> list[ModelAttested]:
    """All statements, each checked by the node's key."""
    found = [event for event in bench.events if isinstance(event, ModelAttested)]
    for event in found:
        names, _ = attestation.verify(attestation.bundle_of(event), {"own": KEY.public})
        assert names == {"own"}
    return found


def served(event: ModelAttested) -> list[int]:
    return [version.version for version in event.served]


async def test_each_change_of_what_is_served_is_signed(tmp_path: Path, key_file: Path) -> None:
    """Both versions of an update are served for a moment; the receipt says what is in them and who signed it."""
    async with Bench(tmp_path, attest_key=key_file) as bench:
        await bench.serve(1)
        receipt = read_receipt(bench.layout, MODEL, Version(1))
        assert receipt
        await bench.serve(2)
        await bench.run(5)
        statements = said(bench)
        assert [served(event) for event in statements] == [[1], [2, 1], [2]]
        assert [event.occasion for event in statements] == ["start", "change", "change"]
        assert {(event.node, event.model) for event in statements} == {(NODE, MODEL)}
        assert statements[0].served[0].content == receipt.fingerprint
        bench.want(Policy(removed=True))
        await bench.until(lambda: not bench.available())
        await bench.run(1)
        assert served(said(bench)[-1]) == []


async def test_who_signed_a_version_is_said_with_it(tmp_path: Path, key_file: Path) -> None:
    """As the puller knew it."""
    async with Bench(tmp_path, attest_key=key_file) as bench:
        bench.publish(1)
        path, receipt = bench.layout.receipt(MODEL, Version(1)), read_receipt(bench.layout, MODEL, Version(1))
        assert receipt
        known = {"signed_by": "ci (aa)", "signed_digest": "ab" * 32, "provenance": "built by ci"}
        path.write_text(receipt.model_copy(update=known).model_dump_json())
        await bench.until(lambda: said(bench))
        (version,) = said(bench)[0].served
        assert (version.signed_by, version.digest, version.provenance) == ("ci (aa)", "ab" * 32, "built by ci")


async def test_a_gap_in_watching_is_said(tmp_path: Path, key_file: Path) -> None:
    """A new life of the configurator says all again, and so does one for which TensorFlow Serving was away."""
    async with Bench(tmp_path, attest_key=key_file) as bench:
        await bench.serve(1)
        await bench.run(1)
        await bench.restart()
        await bench.run(1)
        bench.serving.stop()
        await bench.run(1)
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: len(said(bench)) == 3)
        assert [(served(event), event.occasion) for event in said(bench)] == [
            ([1], "start"),
            ([1], "start"),
            ([1], "return"),
        ]
        await bench.run(30)
        assert len(said(bench)) == 3


async def test_it_is_said_again_before_history_forgets_it(tmp_path: Path, key_file: Path) -> None:
    """With the same beginning."""
    async with Bench(tmp_path, attest_key=key_file) as bench:
        await bench.serve(1)
        await bench.run(1)
        bench.later = timedelta(days=11)
        await bench.run(60)
        first, again = said(bench)
        assert (again.occasion, again.since, served(again)) == ("renewal", first.since, [1])
        assert again.at > first.at + timedelta(days=10)


async def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    """Nor does anybody need one."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        await bench.run(1)
        assert said(bench) == []


async def test_a_receipt_that_cannot_be_read_is_no_receipt(tmp_path: Path, key_file: Path) -> None:
    """What is known without it is said."""
    async with Bench(tmp_path, attest_key=key_file) as bench:
        bench.publish(1, model="other")
        bench.layout.receipt(ModelName("other"), Version(1)).write_text("{")
        await bench.until(lambda: said(bench))
        (version,) = said(bench)[0].served
        assert (version.version, version.content, version.signed_by) == (1, "", "")


def test_a_key_that_cannot_sign_stops_the_start(tmp_path: Path) -> None:
    """With the file's name."""
    (tmp_path / "key.pem").write_bytes(KEY.public.pem)
    for path in (tmp_path / "key.pem", tmp_path / "gone.pem"):
        with pytest.raises(ValidationError, match=path.name):
            ConfiguratorSettings.model_validate({"node": NODE, "attest_key": path})
