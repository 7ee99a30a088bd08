"""The whole stack as tests use it: parts that can be killed and come back, a second node, folders that stay."""

from collections.abc import Callable
from pathlib import Path

from events.names import ModelName, Version
from events.status import Stage
from infra.local import look
from infra.local.node import Loader
from infra.local.parts import PubSubKind
from infra.local.stack import Stack, StackOptions
from infra.local.upload import Upload
from infra.local.versions import write_scripted
from tests.support.stack import eventually

MODEL = ModelName("line")


def upload(stack: Stack, folder: Path, version: int) -> None:
    write_scripted(folder)
    Upload(stack.bucket, prefix="", model=MODEL, version=Version(version)).send(folder / str(version))


def is_served(rest_url: str, version: int) -> Callable[[], bool]:
    return lambda: look.served(rest_url, MODEL).get(version) == "AVAILABLE"


async def test_an_upload_is_served_by_every_node(stack: Stack, tmp_path: Path) -> None:
    """A second node, started later, comes to the same state from the bucket."""
    upload(stack, tmp_path, 1)
    await eventually(is_served(stack.node.rest_url, 1))
    second = stack.add_node("node-2")
    await eventually(is_served(second.rest_url, 1))
    assert second.models != stack.node.models


async def test_every_part_comes_back_on_its_ports_after_a_crash(
    start_stack: Callable[[StackOptions], Stack], tmp_path: Path
) -> None:
    """Whatever was killed and started again, the next upload is served."""
    stack = start_stack(StackOptions(pubsub=PubSubKind.EMBEDDED))
    for child in (*stack.node.children, stack.gcs, stack.nats):
        child.kill()
    for child in (stack.nats, stack.gcs, *stack.node.children):
        child.start()
    upload(stack, tmp_path, 1)
    await eventually(is_served(stack.node.rest_url, 1))


async def test_a_paused_puller_goes_on_where_it_stopped(stack: Stack, tmp_path: Path) -> None:
    """What was uploaded while a part was frozen is served when it wakes."""
    stack.node.puller.pause()
    upload(stack, tmp_path, 1)
    assert not (stack.node.models / MODEL).exists()
    stack.node.puller.resume()
    await eventually(is_served(stack.node.rest_url, 1))


async def test_a_kept_folder_is_found_again(tmp_path: Path) -> None:
    """A stack over the folder of an earlier one has its objects and serves its models."""
    options = StackOptions(pubsub=PubSubKind.EMBEDDED, loader=Loader.SCRIPTED, folder=tmp_path / "kept")
    with Stack(options) as stack:
        upload(stack, tmp_path, 1)
        await eventually(is_served(stack.node.rest_url, 1))
        names = stack.bucket.names()
    with Stack(options) as stack:
        assert stack.bucket.names() == names
        await eventually(is_served(stack.node.rest_url, 1))
        await eventually(lambda: is_published(stack, Version(1)))


def is_published(stack: Stack, version: Version) -> bool:
    seen = look.pulled(stack.node.puller_url, MODEL, version)
    return seen is not None and seen.state == Stage.PUBLISHED
