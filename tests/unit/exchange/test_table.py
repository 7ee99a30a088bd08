"""Which SHA-256 a version's pieces are compared with: those of the manifest that belongs to the very same files."""

from datetime import UTC, datetime

from events import manifest, pieces
from events.manifest import Content
from events.names import FileName, ModelName, Version
from events.pieces import Table
from puller.bucket.completeness import Rules
from puller.bucket.observed import ObservedVersions
from puller.disk import crc32c
from tests.fakes.puller import CountingBucket

MODEL, ONE = ModelName("m"), Version(1)


def upload(bucket: CountingBucket, graph: bytes) -> None:
    """Write a version, its manifest last."""
    name = FileName("saved_model.pb")
    bucket.write(f"m/1/{name}", graph)
    table = Table({name: pieces.digests(len(graph), [graph])})
    bucket.write("m/1/manifest.json", manifest.render({name: Content(len(graph), crc32c.extend(0, graph))}, table))


async def test_of_these_files_alone() -> None:
    """A version that was written over while it is fetched has another manifest: its SHA-256 make no node a liar."""
    bucket = CountingBucket()
    observed = ObservedVersions(bucket, rules=Rules(), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    fingerprints = []
    for graph in (b"graph", b"newer"):
        upload(bucket, graph)
        await observed.list(MODEL, ONE)
        seen = observed.last_seen(MODEL, ONE)
        assert seen is not None
        fingerprints.append(seen.fingerprint)
    old, new = (observed.table(MODEL, ONE, fingerprint=one) for one in fingerprints)
    assert old is None
    assert new is not None
    assert new.digest(FileName("saved_model.pb"), 0) == pieces.digests(5, [b"newer"])[0]
