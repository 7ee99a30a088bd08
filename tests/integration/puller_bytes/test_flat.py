"""One list of everything says the same as a list of each model."""

from collections.abc import Iterator

import pytest

from puller.bucket.access import Access
from puller.bucket.client import Bucket
from tests.support.stack import GcsServer

MODELS = [f"model-{number}" for number in range(8)]
ODDITIES = (
    "_tmp/1/a",
    "_tmp/2/a",
    "model-0/",
    "model-0/1/",
    "model-0/01/a",
    "model-1/007/a",
    "model-0/x/a",
    "model-0/x/b",
    "model-0/readme",
    "model-0/1/back\\slash",
    "model-1-more/3/a",
    "only/7",
    "top",
)


@pytest.fixture
def access(gcs_server: GcsServer) -> Iterator[Access]:
    for name in (*(f"{model}/{version}/f" for model in MODELS for version in (1, 10)), *ODDITIES):
        gcs_server.bucket.write(f"models/{name}", b"x")
    gcs_server.bucket.write("models-too/m/1/f", b"x")
    access = Access(emulator=gcs_server.url)
    yield access
    access.close()


async def test_a_flat_list_says_what_lists_of_folders_say(gcs_server: GcsServer, access: Access) -> None:
    """The same models, the same versions, the same reasons; and each version's files as its own list has them."""
    name, prefix = gcs_server.bucket.name, "models/"
    flat = await Bucket(name, prefix=prefix, access=access).catalog()
    by_folders = Bucket(name, prefix=prefix, access=access, page=1)  # too small for everything
    folders = await by_folders.catalog()
    assert flat.listings
    assert not folders.listings
    assert flat.models == folders.models
    per_version = [await by_folders.listing(*key) for key in flat.listings]
    assert list(flat.listings.values()) == per_version
    assert flat.ignored == folders.ignored
