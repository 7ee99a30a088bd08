"""Save what JetStream keeps, and bring it back: `python -m infra.nats.backup save FOLDER`, `… restore FOLDER`.

What operators want of each model is nowhere else than in one KV bucket, who changed it is in the stream of the audit,
and what happened in that of events. All are saved as JetStream's own snapshots, so revisions, times and who changed
what come back as they were. Each becomes a folder of two files, as `nats stream backup` writes and `nats stream
restore` reads them. Status and presence are left out: the nodes say them anew within a minute.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.js.errors import NotFoundError
from pydantic import BaseModel, ConfigDict, ValidationError

from events import subjects
from events.names import NodeName
from infra.nats.streams import connected
from service import files, jetstream, settings
from service.errors import BadSettings, Transient
from service.settings import Settings
from service.version import SAID

STREAMS: Final = (f"KV_{subjects.DESIRED_BUCKET}", subjects.AUDIT_STREAM, subjects.EVENT_STREAM)
MANIFEST, DATA = "backup.json", "stream.tar.s2"
CHUNK_BYTES = 128 * 1024
REPLY_SECONDS = 30.0
DONE = "204"


class State(BaseModel):
    """What a stream held."""

    model_config = ConfigDict(extra="allow", frozen=True)
    messages: int


class Manifest(BaseModel):
    """A stream as it was, in JetStream's own words: all of them go back, whatever they mean."""

    model_config = ConfigDict(extra="allow", frozen=True)
    config: dict[str, object]
    state: State

    def with_replicas(self, replicas: int | None) -> "Manifest":
        """Have it made with so many copies, if a number is given."""
        return (
            self if replicas is None else self.model_copy(update={"config": {**self.config, "num_replicas": replicas}})
        )


@dataclass(frozen=True, slots=True)
class Saved:
    """A stream in a folder."""

    stream: str
    manifest: Manifest
    data: Path


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run the program; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        chosen = settings.load(Settings, {"MM_NODE": NodeName("backup"), **environment})
        work = save(chosen, given.folder) if given.command == "save" else restore_all(chosen, given)
        asyncio.run(_tell(work))
    except (BadSettings, Transient) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


async def save(chosen: Settings, folder: Path) -> AsyncIterator[str]:
    """Save all into a new folder, which is there when it is whole; tell of each stream."""
    part = _beside(folder)
    async with connected(chosen) as client:
        for stream in STREAMS:
            manifest = await snapshot(client, stream, part / stream)
            yield f"{stream}: saved {manifest.state.messages} messages"
    with files.disk_errors(f"cannot write {folder}"):
        part.rename(folder)
        files.sync_folder(folder.parent)


async def snapshot(client: Client, stream: str, folder: Path) -> Manifest:
    """Take a stream's snapshot."""
    inbox = client.new_inbox()
    chunks = await client.subscribe(inbox)
    request = {"deliver_subject": inbox, "chunk_size": CHUNK_BYTES}
    answer = await _ask(
        client, f"$JS.API.STREAM.SNAPSHOT.{stream}", json.dumps(request).encode(), what=f"save {stream}"
    )
    manifest = Manifest.model_validate_json(answer)
    with files.disk_errors(f"cannot write {folder}"), _create(folder / DATA) as file:
        async for data in _sent(client, chunks, stream=stream):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    files.write(folder / MANIFEST, manifest.model_dump_json(include={"config", "state"}).encode())
    return manifest


async def _sent(client: Client, chunks: Subscription, *, stream: str) -> AsyncIterator[bytes]:
    """Yield the pieces of a snapshot, each acknowledged: the server sends only so many ahead."""
    with jetstream.errors(f"send all of {stream}"):
        while (chunk := await chunks.next_msg(REPLY_SECONDS)).data:
            yield chunk.data
            if chunk.reply:
                await client.publish(chunk.reply, b"")
    if (status := (chunk.headers or {}).get("Status", DONE)) != DONE:
        raise Transient(f"NATS broke the snapshot of {stream} off with status {status}; try again")


def _beside(folder: Path) -> Path:
    """Where a folder is put together that is not there yet."""
    if folder.exists():
        raise Transient(f"{folder} is there already; name a new folder")
    return folder.with_name(f".{folder.name}.part")


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


async def restore_all(chosen: Settings, given: argparse.Namespace) -> AsyncIterator[str]:
    """Bring back what a folder holds; nothing is touched before all of it can be."""
    saved = list(_read(given.folder, given.only or STREAMS))
    async with connected(chosen) as client:
        there = [
            one.stream for one in saved if await _make_room(client, one.stream, replace=given.replace, dry_run=True)
        ]
        for one in saved:
            if one.stream in there:
                await _make_room(client, one.stream, replace=given.replace, dry_run=False)
            kept = await restore(client, one, one.manifest.with_replicas(given.replicas))
            yield f"{one.stream}: restored {kept} of {one.manifest.state.messages} messages"


async def restore(client: Client, saved: Saved, manifest: Manifest) -> int:
    """Put a snapshot in the place of a stream that is gone; how many messages it holds then."""
    what = f"restore {saved.stream}"
    answer = await _ask(
        client, f"$JS.API.STREAM.RESTORE.{saved.stream}", manifest.model_dump_json().encode(), what=what
    )
    place = str(json.loads(answer)["deliver_subject"])
    with files.disk_errors(f"cannot read {saved.data}"), saved.data.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            await _ask(client, place, chunk, what=what)
    ended = await _ask(client, place, b"", what=what)
    return State.model_validate(json.loads(ended)["state"]).messages


async def _make_room(client: Client, stream: str, *, replace: bool, dry_run: bool) -> bool:
    """Delete a stream that holds nothing, or may be replaced; whether it is there."""
    manager = client.jetstream(timeout=REPLY_SECONDS)
    with jetstream.errors(f"tell of {stream}"):
        try:
            found = await manager.stream_info(stream)
        except NotFoundError:
            return False
        if found.state.messages and not replace:
            raise Transient(
                f"{stream} is there and holds {found.state.messages} messages, so nothing was changed;"
                f" --replace deletes them, --only leaves a stream alone"
            )
        if not dry_run:
            await manager.delete_stream(stream)
        return True


def _read(folder: Path, streams: tuple[str, ...]) -> Iterator[Saved]:
    for stream in streams:
        try:
            manifest = Manifest.model_validate_json((folder / stream / MANIFEST).read_bytes())
            (folder / stream / DATA).stat()
        except (OSError, ValidationError) as error:
            raise Transient(f"{folder / stream} is no saved stream, so nothing was changed: {error}") from error
        yield Saved(stream, manifest, folder / stream / DATA)


async def _ask(client: Client, subject: str, data: bytes, *, what: str) -> bytes:
    """Send a request of JetStream's; its answer, or `Transient` with the server's words."""
    with jetstream.errors(what):
        answer = (await client.request(subject, data, timeout=REPLY_SECONDS)).data
    if answer and (error := json.loads(answer).get("error")):
        raise Transient(f"NATS did not {what}: {error['description']}")
    return answer


async def _tell(work: AsyncIterator[str]) -> None:
    async for line in work:
        sys.stdout.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.nats.backup",
        description="Save and restore desired state and history. "
        "MM_NATS_URL, MM_NATS_NKEY_FILE (the admin's) and MM_NATS_CA_FILE say where and as whom.",
    )
    parser.add_argument("--version", action="version", version=SAID)
    commands = parser.add_subparsers(dest="command", required=True, metavar="save|restore")
    one = commands.add_parser("save", help="save into a new folder")
    one.add_argument("folder", type=Path)
    two = commands.add_parser("restore", help="bring back what a folder holds")
    two.add_argument("folder", type=Path)
    two.add_argument("--only", action="append", choices=STREAMS, help="this stream and no other")
    two.add_argument("--replace", action="store_true", help="delete what is there")
    two.add_argument("--replicas", type=int, choices=(1, 3, 5), help="copies, one a server (default: as saved)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
