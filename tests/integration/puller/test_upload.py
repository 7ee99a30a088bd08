"""From an upload to a published version, with real servers on all sides."""

import json
import random
import urllib.request
from functools import partial
from urllib.parse import quote

from nats.aio.client import Client

from events import cloudevents, messages, subjects
from events.messages import Event
from tests.integration.puller.conftest import MODEL, TINY_MODEL, World, read_tree, render_manifest
from tests.support.exports import as_text
from tests.support.stack import eventually

TINY = read_tree(TINY_MODEL / "1")


async def test_an_upload_with_manifest_is_published_and_told(world: World, nats_connection: Client) -> None:
    """A version appears on disk byte for byte, without its manifest, and every step of it is an event.

    The notification may come after the version was found by the look that follows the stream's opening.
    """
    heard: list[Event] = []

    async def hear(message: object) -> None:
        heard.append(cloudevents.parse(message.data)[1])  # type: ignore[attr-defined] # nats-py's message

    await nats_connection.subscribe(f"{subjects.EVENTS}.>", cb=hear)
    puller = world.start_puller()
    await eventually(lambda: puller.report.pubsub.is_connected)
    world.upload(1)
    for kind in (messages.VersionPublished, messages.NotificationReceived):
        await eventually(partial(holds, heard, kind))
    assert puller.files(1) == TINY
    kinds = [event.type for event in heard if isinstance(event, messages.VersionEvent)]
    steps = ["download.started", "download.finished", "version.verified", "version.published"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in steps] == steps


def holds(heard: list[Event], kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in heard)


async def test_an_upload_without_manifest_is_published_after_settling(world: World) -> None:
    """Without a manifest the graph says what must be there, and the version is taken when nothing changes any more."""
    puller = world.start_puller()
    world.upload(1, with_manifest=False)
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == TINY


async def test_a_text_graph_waits_for_the_variables_that_it_names(world: World) -> None:
    """The graph comes first and its variables later: the version that serves is not replaced by half of one."""
    puller = world.start_puller()
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    whole = {name: data for name, data in TINY.items() if name != "saved_model.pb"}
    whole["saved_model.pbtxt"] = as_text(TINY["saved_model.pb"])
    world.gcs.bucket.write(f"{MODEL}/2/saved_model.pbtxt", whole["saved_model.pbtxt"])
    await eventually(lambda: (entry := puller.version(2)) and "variables.index is missing" in entry.reason)
    assert not puller.folder(2).exists()
    for name, data in whole.items():
        world.gcs.bucket.write(f"{MODEL}/2/{name}", data)
    await eventually(lambda: puller.state(2) == "published")
    assert puller.files(2) == whole


async def test_files_in_any_order_are_published_when_the_last_is_there(world: World) -> None:
    """However the objects arrive, manifest first or last, nothing is visible before all are there, and then all is."""
    puller = world.start_puller(settle_seconds="3600")
    objects = {**TINY, "manifest.json": render_manifest(TINY)}
    for version, seed in enumerate((1, 2, 3), start=1):
        names = sorted(objects)
        random.Random(seed).shuffle(names)  # noqa: S311 - an order that is the same in every run
        for name in names[:-1]:
            world.gcs.bucket.write(f"{MODEL}/{version}/{name}", objects[name])
        await eventually(lambda version=version: puller.state(version) in {"incomplete", "settling"})
        assert not puller.folder(version).exists()
        world.gcs.bucket.write(f"{MODEL}/{version}/{names[-1]}", objects[names[-1]])
        await eventually(lambda version=version: puller.state(version) == "published")
        assert puller.files(version) == TINY


async def test_a_half_upload_says_what_is_missing(world: World) -> None:
    """A version that lacks a shard is not published, and the reason names the file."""
    puller = world.start_puller()
    for name, data in TINY.items():
        if "data-" not in name:
            world.gcs.bucket.write(f"{MODEL}/1/{name}", data)
    await eventually(lambda: (entry := puller.version(1)) and "data-" in entry.reason)
    assert puller.state(1) == "incomplete"
    assert not puller.folder(1).exists()


async def test_an_overwritten_version_stays_as_published(world: World) -> None:
    """Overwriting a published version is reported as mutated; the bytes on disk are the old ones."""
    puller = world.start_puller()
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    world.gcs.bucket.write(f"{MODEL}/1/saved_model.pb", b"other bytes")
    await eventually(lambda: puller.state(1) == "mutated")
    assert puller.files(1) == TINY


async def test_objects_that_are_no_models_are_counted_and_harm_nothing(world: World) -> None:
    """Placeholders, odd versions, a file called 7 and hostile names are ignored by reason; a good model still comes."""
    for name in (
        "readme.txt",
        "half/7",
        "half/v7/saved_model.pb",
        "half/9223372036854775808/saved_model.pb",
        "half/-1/saved_model.pb",
        ".hidden/1/saved_model.pb",
        f"half/1/{'d/' * 60}x",
    ):
        world.gcs.bucket.write(name, b"x")
    puller = world.start_puller()
    world.upload(2)
    await eventually(lambda: puller.state(2) == "published")
    ignored = puller.report.ignored_objects
    assert {"not inside a version folder", "not a version number"} <= ignored.keys()
    names = puller.report.ignored_names
    assert {"half/v7/", "half/-1/"} <= set(names["not a version number"])
    assert set(names["not inside a version folder"]) == {"half/7", "readme.txt"}
    assert [path.name for path in puller.layout.models_dir.iterdir() if not path.name.startswith(".")] == [MODEL]


async def test_objects_whose_encoding_is_none_are_taken(world: World) -> None:
    """`Content-Encoding: identity` says that the bytes are as they are; the manifest may have it, too."""
    puller = world.start_puller()
    for name, data in {**TINY, "manifest.json": render_manifest(TINY)}.items():
        query = f"uploadType=media&contentEncoding=identity&name={quote(f'{MODEL}/1/{name}', safe='')}"
        url = f"{world.gcs.url}/upload/storage/v1/b/{world.gcs.bucket.name}/o?{query}"
        assert '"contentEncoding":"identity"' in fetch(url, body=data).replace(" ", "")
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == TINY


async def test_messages_that_are_no_notifications_are_counted(world: World) -> None:
    """Garbage on the topic is dropped, counted in the report, and stops nothing."""
    puller = world.start_puller()
    await eventually(lambda: puller.report.pubsub.is_connected)
    world.publish({"no": "notification"})
    world.publish({"eventType": "OBJECT_FINALIZE"})
    await eventually(lambda: puller.report.unparseable_messages == 2)
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")


async def test_a_prefix_is_all_that_is_looked_at(world: World) -> None:
    """With a prefix, models beside it are not seen."""
    puller = world.start_puller(prefix="team/models")
    world.upload(1)
    world.upload(1, model=f"team/models/{MODEL}", tiny=2)
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == read_tree(TINY_MODEL / "2")
    assert json.loads(puller.report.model_dump_json())["models"].keys() == {MODEL}


async def test_every_node_gets_the_version(world: World) -> None:
    """Each node has a subscription of its own, so each hears of every upload."""
    nodes = [world.start_puller(f"node-{number}") for number in (1, 2)]
    world.upload(1)
    for node in nodes:
        await eventually(lambda node=node: node.state(1) == "published")


async def test_a_node_without_pubsub_learns_from_its_peers(world: World) -> None:
    """A node that is not told by Pub/Sub looks as soon as another node heard something, not at its next poll."""
    deaf = world.start_puller("deaf", topic="")
    hearing = world.start_puller("hearing")
    await eventually(lambda: deaf.report.nats.is_connected and hearing.report.nats.is_connected)
    world.upload(1)
    await eventually(lambda: deaf.state(1) == "published")


async def test_metrics_and_commands_are_served(world: World) -> None:
    """Prometheus finds the puller's counters, and an operator can have the bucket looked at without waiting."""
    puller = world.start_puller(topic="", poll_seconds="3600")
    world.upload(1)
    assert "looked at the whole bucket" in fetch(f"{puller.url}/commands/sync", body=b"{}")
    await eventually(lambda: puller.state(1) == "published")
    text = fetch(f"{puller.url}/metrics")
    assert 'mm_pulled_versions{state="published"} 1.0' in text
    assert "mm_bucket_connected 1.0" in text


def fetch(url: str, *, body: bytes | None = None) -> str:
    """Get a page, or post to it."""
    with urllib.request.urlopen(url, data=body, timeout=10) as answer:  # noqa: S310 - our own address
        return str(answer.read().decode())


async def test_a_folder_with_leading_zeros_is_the_version_that_it_is_to_tensorflow_serving(world: World) -> None:
    """`007` is published as 7; of two folders of one number neither is taken, and both are named."""
    files = {**TINY, "manifest.json": render_manifest(TINY)}
    for folder in ("08", "8"):
        for name, data in files.items():
            world.gcs.bucket.write(f"{MODEL}/{folder}/{name}", data)
    puller = world.start_puller()
    await eventually(lambda: puller.state(8) == "invalid")
    entry = puller.version(8)
    assert entry is not None
    assert "half/08/ and half/8/ are both version 8" in entry.reason
    for name, data in files.items():
        world.gcs.bucket.write(f"{MODEL}/007/{name}", data)
    await eventually(lambda: puller.state(7) == "published")
    assert puller.files(7) == TINY
    assert not puller.folder(8).exists()
