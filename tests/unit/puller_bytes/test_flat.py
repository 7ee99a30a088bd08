"""How many list operations a look at the whole bucket costs."""

from datetime import UTC, datetime
from types import SimpleNamespace

from puller.bucket.access import Access
from puller.bucket.client import FLAT_PAUSE, Bucket

FIELDS = {
    "size": 1,
    "crc32c": "AAAAAA==",
    "generation": 1,
    "md5_hash": None,
    "content_encoding": None,
    "updated": datetime(2026, 1, 1, tzinfo=UTC),
}


class Pages(list[SimpleNamespace]):
    """What a list operation brings: folders, or objects, here all of one version."""

    def __init__(self, prefixes: set[str], objects: int) -> None:
        super().__init__(SimpleNamespace(name=f"model-0/1/{number:04}", **FIELDS) for number in range(objects))
        self.prefixes = prefixes


class Client:
    """Stands for Google's: models of one version each, and more objects than one list shall bring."""

    def __init__(self, models: int, objects: int) -> None:
        self.models = models
        self.objects = objects
        self.flat: list[int] = []  # which of the lists they were
        self.lists = 0

    def bucket(self, name: str, *, user_project: str | None = None) -> str:
        """Name a bucket, as Google's client does."""
        assert user_project is None
        return name

    def list_blobs(self, _bucket: str, *, prefix: str, delimiter: str | None, **_options: object) -> Pages:
        self.lists += 1
        if delimiter is None:
            self.flat.append(self.lists)
            return Pages(set(), self.objects)
        return Pages({f"{prefix}1/"} if prefix else {f"model-{number}/" for number in range(self.models)}, 0)


class Reach(Access):
    """Reaches nothing but the client given."""

    def __init__(self, client: Client) -> None:
        super().__init__(emulator="nowhere")
        self._client = client

    @property
    def client(self) -> Client:  # stands for Google's
        return self._client


async def look(client: Client, *, times: int = 1) -> None:
    access = Reach(client)
    bucket = Bucket("bucket", prefix="", access=access)
    for _ in range(times):
        await bucket.catalog()
    access.close()


async def test_few_models_are_listed_one_by_one() -> None:
    """A list of everything could not be cheaper by enough."""
    client = Client(models=7, objects=0)
    await look(client)
    assert client.lists == 1 + 7


async def test_one_list_is_enough_for_many_small_models() -> None:
    """One for the folders, and one of everything."""
    client = Client(models=800, objects=2000)
    await look(client)
    assert client.lists == 2


async def test_a_long_list_is_given_up_and_not_tried_again_soon() -> None:
    """Only the first of many looks pays for the try; then there is another one, for buckets are cleared."""
    client = Client(models=16, objects=2001)
    await look(client, times=FLAT_PAUSE + 1)
    assert client.flat == [2, 2 + FLAT_PAUSE * (1 + 16) + 1]
    assert client.lists == (FLAT_PAUSE + 1) * (1 + 16) + 2
