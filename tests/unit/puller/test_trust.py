"""Signatures at the node: who is believed, what is refused before and after the bytes came, and a new policy."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from events.messages import DownloadStarted, VersionRefused
from events.names import FileName, Version
from service.layout import read_receipt
from service.signatures.keys import PrivateKey, generate
from service.signatures.sign import sign
from service.signatures.statement import SIGNATURE_NAME
from tests.support.bad_folders import MAKES, as_anybody, mend
from tests.support.pulling import FILES, MODEL, Puller, Tell
from tests.support.signing import write

KEY, OTHER = generate(), generate()
GRAPH = FileName("saved_model.pb")
LOOK = 6.0  # seconds, longer than the pause between two looks at the policy


def signed(version: int, *, key: PrivateKey = KEY, signs: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    """A version's files with a signature over these."""
    digests = {FileName(name): hashlib.sha256(data).hexdigest() for name, data in signs.items()}
    return {**FILES, SIGNATURE_NAME: sign(f"{MODEL}/{version}", digests, key)}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return write(tmp_path / "policy", {"keys/release.pem": KEY.public.pem})


def reason(puller: Puller, version: int) -> str:
    entry = puller.version(version)
    return entry.reason if entry else ""


def test_a_version_with_a_believed_signature_is_published(tell: Tell, policy: Path) -> None:
    """The report and the receipt name the signer."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files=signed(1))
            await asyncio.sleep(1)
            assert puller.published() == [1]
            entry, receipt = puller.version(1), read_receipt(puller.layout, MODEL, Version(1))
            assert entry is not None
            assert receipt is not None
            assert entry.signed_by == receipt.signed_by == f"release ({KEY.public.fingerprint[:16]})"

    tell(story, signatures="require", signature_policy=policy)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (FILES, "it has no signature (model.sig)"),
        (signed(1, key=OTHER), "by a key that this node does not know"),
        (signed(2), "is for 'm/2', not for 'm/1'"),
        (signed(1) | {"extra": b""}, "does not cover extra"),
        (signed(1, signs={**FILES, "gone": b""}), "covers gone, which the version does not have"),
        (signed(1) | {SIGNATURE_NAME: b"{}"}, "no Sigstore bundle"),
    ],
)
def test_what_nobody_believed_has_signed_is_not_fetched(
    tell: Tell, policy: Path, files: Mapping[str, bytes], words: str
) -> None:
    """It is untrusted with the reason; no download begins, what is served goes on, the operator hears of it once."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(0, files=signed(0))
            await asyncio.sleep(1)
            puller.upload(1, files=files)
            await asyncio.sleep(700)
            assert puller.state(1) == "untrusted"
            assert words in reason(puller, 1)
            assert puller.published() == [0]
            assert [event.version for event in puller.emitted(DownloadStarted)] == [0]  # type: ignore[attr-defined]
            assert len(puller.emitted(VersionRefused)) == 1

    tell(story, signatures="require", signature_policy=policy)


@pytest.mark.parametrize(
    ("mode", "words"), [("require", "does not cover late"), ("warn", "with these files by nobody whom we believe")]
)
def test_files_that_came_late_do_not_make_a_signed_version_an_unsigned_one(
    tell: Tell, policy: Path, mode: str, words: str
) -> None:
    """What was signed stays as it is; a new signature over all of it is a change, and a new version."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, files=signed(1), with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1]
            puller.handler.receive(puller.write(f"{MODEL}/1/late", b"late"))
            await asyncio.sleep(20)
            assert puller.state(1) == "mutated"
            assert words in reason(puller, 1)
            receipt = read_receipt(puller.layout, MODEL, Version(1))
            assert receipt
            assert receipt.signed_by
            assert not (puller.layout.version(MODEL, Version(1)) / "late").exists()

    tell(story, signatures=mode, signature_policy=policy)


def test_a_file_that_is_not_the_signed_one_is_never_published(tell: Tell, policy: Path) -> None:
    """The names match, the content does not: found when the bytes are there, before they are published."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files=signed(1) | {GRAPH: b"other"})
            await asyncio.sleep(1)
            assert puller.state(1) == "untrusted"
            assert reason(puller, 1) == "saved_model.pb differs from what was signed (SHA-256)"
            assert puller.published() == []
            puller.upload(1, files=signed(1))
            await asyncio.sleep(1)
            assert puller.published() == [1]

    tell(story, signatures="require", signature_policy=policy)


def test_warn_takes_it_and_says_so(tell: Tell, policy: Path) -> None:
    """As long as the version is there, also after a look at all."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1)
            puller.upload(2, files=signed(2) | {GRAPH: b"other"})
            await asyncio.sleep(400)
            assert puller.published() == [2]
            assert puller.state(2) == "published"
            assert "MM_SIGNATURES" in reason(puller, 2)
            assert "saved_model.pb differs from what was signed" in reason(puller, 2)
            entry = puller.version(2)
            assert entry is not None
            assert not entry.signed_by

    tell(story, signatures="warn", signature_policy=policy)


def test_nobody_asks_where_signatures_are_off(tell: Tell) -> None:
    """Unsigned and wrongly signed versions are taken without a word."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files=signed(7, key=OTHER))
            await asyncio.sleep(1)
            assert puller.published() == [1]
            assert reason(puller, 1) == ""

    tell(story)


def test_a_rule_asks_for_one_model_alone(tell: Tell, policy: Path) -> None:
    """Its mode counts in place of the node's."""
    write(policy, {"policy.toml": b'[[rules]]\nmodels = "m*"\nmode = "require"\n'})

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1)
            puller.upload(1, model="other")
            await asyncio.sleep(1)
            assert puller.state(1) == "untrusted"
            assert puller.published("other") == [1]

    tell(story, signature_policy=policy)


def test_a_new_key_lets_in_what_was_refused(tell: Tell, policy: Path) -> None:
    """The folder is read again when it changes; a key that is taken away stops new versions alone."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            puller.upload(1, files=signed(1, key=OTHER))
            await asyncio.sleep(1)
            assert puller.state(1) == "untrusted"
            write(policy, {"keys/new.pem": OTHER.public.pem})
            await asyncio.sleep(LOOK)
            assert puller.published() == [1]
            (policy / "keys/new.pem").unlink()
            await asyncio.sleep(LOOK)
            puller.upload(2, files=signed(2, key=OTHER))
            await asyncio.sleep(1)
            assert puller.published() == [1]
            assert puller.state(2) == "untrusted"

    tell(story, signatures="require", signature_policy=policy)


def test_a_policy_that_breaks_believes_nobody_until_it_is_whole(tell: Tell, policy: Path) -> None:
    """Also where signatures are off: a rule for the model may be in the part that cannot be read."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            write(policy, {"policy.toml": b"rules = ["})
            await asyncio.sleep(LOOK)
            puller.upload(1, files=signed(1))
            await asyncio.sleep(1)
            assert puller.state(1) == "untrusted"
            assert "policy cannot be read" in reason(puller, 1)
            (policy / "policy.toml").unlink()
            await asyncio.sleep(LOOK)
            assert puller.published() == [1]

    tell(story, signature_policy=policy)


@pytest.mark.parametrize("make", ["unreadable", "a_link_to_no_name", "a_file"])
def test_a_policy_folder_that_cannot_be_looked_at_believes_nobody_until_it_can(
    tell: Tell, policy: Path, make: str
) -> None:
    """The puller goes on, says why, and looks again."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            MAKES[make](policy)
            await asyncio.sleep(LOOK)
            puller.upload(1, files=signed(1))
            await asyncio.sleep(1)
            assert puller.state(1) == "untrusted"
            assert "policy cannot be read" in reason(puller, 1)
            mend(policy)
            await asyncio.sleep(LOOK)
            assert puller.published() == [1]

    with as_anybody():
        tell(story, signatures="require", signature_policy=policy)


def test_a_refused_version_does_not_hide_an_older_one(tell: Tell, policy: Path) -> None:
    """A node with nothing to serve takes the newest that it believes."""

    async def story(puller: Puller) -> None:
        puller.upload(1, files=signed(1), notify=False)
        puller.upload(2, notify=False)
        async with puller.running():
            await asyncio.sleep(2)
            assert puller.published() == [1]
            assert puller.state(2) == "untrusted"

    tell(story, signatures="require", signature_policy=policy)


def test_an_unreadable_signature_is_tried_again(tell: Tell, policy: Path) -> None:
    """A bucket that does not answer says nothing of who signed."""

    async def story(puller: Puller) -> None:
        puller.bucket.unreadable[f"{MODEL}/1/{SIGNATURE_NAME}"] = 2
        async with puller.running():
            puller.upload(1, files=signed(1))
            await asyncio.sleep(1)
            assert puller.state(1) == "failed"
            await asyncio.sleep(60)
            assert puller.published() == [1]

    tell(story, signatures="require", signature_policy=policy)
