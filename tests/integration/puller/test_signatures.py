"""A node that asks for signatures, with real servers on all sides."""

from pathlib import Path

from events import manifest
from events.manifest import Content
from events.names import FileName
from puller.disk import crc32c
from service.signatures.keys import generate
from service.signatures.sign import digests_of, sign
from service.signatures.statement import SIGNATURE_NAME
from tests.integration.puller.conftest import MODEL, TINY_MODEL, World, read_tree
from tests.support.signing import write
from tests.support.stack import eventually

TINY = read_tree(TINY_MODEL / "1")


async def test_what_was_not_signed_or_was_changed_later_is_never_published(world: World, tmp_path: Path) -> None:
    """An unsigned and a tampered version are untrusted, each with its reason; the signed one comes, and is named so."""
    key = generate()
    policy = write(tmp_path / "policy", {"keys/release.pem": key.public.pem})
    puller = world.start_puller(signatures="require", signature_policy=str(policy))
    digests = digests_of(TINY_MODEL / "1", [FileName(name) for name in TINY])
    world.upload(1)
    await eventually(lambda: puller.state(1) == "untrusted")
    weights = next(name for name in TINY if "data-" in name)
    upload(world, 2, {**TINY, SIGNATURE_NAME: sign(f"{MODEL}/2", digests, key), weights: b"other"})
    await eventually(lambda: puller.state(2) == "untrusted")
    tampered = puller.version(2)
    assert tampered is not None
    assert tampered.reason == f"{weights} differs from what was signed (SHA-256)"
    upload(world, 3, {**TINY, SIGNATURE_NAME: sign(f"{MODEL}/3", digests, key)})
    await eventually(lambda: puller.state(3) == "published")
    signed = puller.version(3)
    assert signed is not None
    assert signed.signed_by.startswith("release (")
    assert SIGNATURE_NAME in puller.files(3)
    assert not puller.folder(1).exists()
    assert not puller.folder(2).exists()


async def test_the_newest_that_is_believed_is_taken(world: World, tmp_path: Path) -> None:
    """A newer version that nobody signed does not stand in the way; its reason says what it lacks."""
    key = generate()
    policy = write(tmp_path / "policy", {"keys/release.pem": key.public.pem})
    digests = digests_of(TINY_MODEL / "1", [FileName(name) for name in TINY])
    upload(world, 1, {**TINY, SIGNATURE_NAME: sign(f"{MODEL}/1", digests, key)})
    world.upload(2)
    puller = world.start_puller(signatures="require", signature_policy=str(policy))
    await eventually(lambda: puller.state(1) == "published" and puller.state(2) == "untrusted")
    entry = puller.version(2)
    assert entry is not None
    assert entry.reason == "it has no signature (model.sig)"


def upload(world: World, version: int, files: dict[str, bytes]) -> None:
    """Upload files with a manifest that matches them."""
    contents = {FileName(name): Content(len(data), crc32c.extend(0, data)) for name, data in files.items()}
    for name, data in {**files, "manifest.json": manifest.render(contents)}.items():
        world.gcs.bucket.write(f"{MODEL}/{version}/{name}", data)
