"""Provenance at the node: shown beside the signer, and deciding nothing unless the policy names builders."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from events.messages import VersionPublished
from events.names import FileName, Version
from service.layout import read_receipt
from service.signatures.keys import generate
from service.signatures.provenance import Provenance
from service.signatures.sign import sign, sign_provenance
from service.signatures.statement import PROVENANCE_NAME, SIGNATURE_NAME
from tests.support.pulling import FILES, MODEL, Puller, Tell
from tests.support.signing import write

KEY, OTHER = generate(), generate()
DIGESTS = {FileName(name): hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
SIGNED = {**FILES, SIGNATURE_NAME: sign(f"{MODEL}/1", DIGESTS, KEY)}
BUILT = "built by https://ci.example.com/train at c0"
PROVENANCE = sign_provenance(Provenance("https://ci.example.com/train", commit="c0"), f"{MODEL}/1", DIGESTS, KEY)
FORGED = sign_provenance(Provenance("https://ci.example.com/train"), f"{MODEL}/1", DIGESTS, OTHER)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return write(tmp_path / "policy", {"keys/release.pem": KEY.public.pem})


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        (PROVENANCE, BUILT),
        (FORGED, "its provenance is not believed: its signature is by a key that this node does not know"),
        (b"x" * 1_100_000, "its provenance is not believed: provenance.sig has 1,100,000 bytes"),
    ],
)
def test_it_is_shown_and_decides_nothing(tell: Tell, policy: Path, provenance: bytes, words: str) -> None:
    """In the report, the receipt and history; the version is taken by its signature alone."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files={**SIGNED, PROVENANCE_NAME: provenance})
            await asyncio.sleep(1)
            assert puller.published() == [1]
            entry, receipt = puller.version(1), read_receipt(puller.layout, MODEL, Version(1))
            assert entry is not None
            assert receipt is not None
            assert entry.provenance == receipt.provenance
            assert entry.provenance.startswith(words)
            (event,) = puller.emitted(VersionPublished)
            assert isinstance(event, VersionPublished)
            assert event.provenance == entry.provenance

    tell(story, signatures="require", signature_policy=policy)


@pytest.mark.parametrize(
    ("files", "builders", "words"),
    [
        ({}, "https://*", "it has no provenance (provenance.sig)"),
        ({PROVENANCE_NAME: FORGED}, "https://*", "its provenance is not believed"),
        ({PROVENANCE_NAME: b"x" * 1_100_000}, "https://*", "has 1,100,000 bytes"),
        ({PROVENANCE_NAME: PROVENANCE}, "https://other/*", "who may not build this model"),
        ({PROVENANCE_NAME: PROVENANCE}, "https://ci.example.com/*", ""),
    ],
)
def test_a_policy_that_names_builders_takes_no_others(
    tell: Tell, policy: Path, files: Mapping[str, bytes], builders: str, words: str
) -> None:
    """A signature alone is not enough then."""
    write(policy, {"policy.toml": f'[[rules]]\nbuilders = ["{builders}"]\n'.encode()})

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files={**SIGNED, **files})
            await asyncio.sleep(1)
            entry = puller.version(1)
            assert entry is not None
            assert entry.state == ("untrusted" if words else "published")
            assert words in entry.reason
            assert puller.published() == ([] if words else [1])

    tell(story, signatures="require", signature_policy=policy)


def test_one_that_comes_late_is_taken_in(tell: Tell, policy: Path) -> None:
    """It is none of the signed files, so the signature still holds."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, files=SIGNED, with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1]
            puller.handler.receive(puller.write(f"{MODEL}/1/{PROVENANCE_NAME}", PROVENANCE))
            await asyncio.sleep(20)
            entry = puller.version(1)
            assert entry is not None
            assert entry.provenance == BUILT
            assert entry.signed_by
            assert (puller.layout.version(MODEL, Version(1)) / PROVENANCE_NAME).read_bytes() == PROVENANCE

    tell(story, signatures="require", signature_policy=policy)
