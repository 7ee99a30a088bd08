"""The command `publish`: a version from a local folder into the bucket, whole or not at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.names import BadName, Version
from master.cli import words
from master.cli.ends import Exit, Failure
from master.cli.session import Json, Session

if TYPE_CHECKING:  # Google's client costs more start-up time than all of the other commands
    from master.google.storage import GoogleBucket
    from master.publish.folder import Read
    from master.publish.target import Target

Url = Annotated[str, typer.Argument(metavar="gs://BUCKET/[PREFIX/]MODEL/[VERSION]", help="where it goes")]


def publish(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="one version of a SavedModel")],
    url: Url,
    *,
    require_assets: Annotated[
        bool, typer.Option(help="refuse a version that lacks an asset its graph names, as nodes do by default")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="check the folder, choose the version, send nothing")
    ] = False,
    as_json: Json = False,
) -> Exit:
    """Upload a version with checksums, its manifest last, so that nodes take it at once and whole.

    Without a VERSION it gets the seconds since 1970, or one more than the highest there is if that is higher. A version
    that is there is never changed; one whose upload was broken off is finished when the same command runs again with
    its number.
    """
    from master.google.storage import GoogleBucket, connect  # noqa: PLC0415 - see above
    from master.publish.folder import check, look  # noqa: PLC0415 - see above
    from master.publish.upload import upload  # noqa: PLC0415 - see above

    target = _target(url)
    size = sum(check(folder, require_assets=require_assets).values())
    bucket = GoogleBucket(connect("", emulator=session.settings.storage_emulator), target.bucket)
    version = target.version if target.version is not None else _next(bucket, target)
    address = target.url(version)
    if dry_run:
        session.screen.say(f"would publish {words.size(size)} as {address}")
        return Exit.DONE
    with _bar(session, "checksums", size) as read:
        checked = look(folder, read=read)
    try:
        with _bar(session, "upload", size) as moved:
            done = upload(bucket, checked, base=target.folder(version), moved=moved)
    except BaseException:
        session.screen.note(f"to go on where it stopped: model-manager publish {folder} {address}")
        raise
    answer = {
        "url": address,
        "version": version,
        "bytes": size,
        "files": len(checked.files),
        "sent": done.sent,
        "resumed": done.resumed,
        "was_there": done.was_there,
    }
    if as_json:
        session.screen.json(answer)
    elif done.was_there:
        session.screen.say(f"{address} was published already, with exactly these files")
    else:
        before = f", {done.resumed} of them before" if done.resumed else ""
        session.screen.say(
            f"published {address}: {len(checked.files)} files{before}, {words.size(size)}, and the manifest"
        )
        session.screen.note(f"to see it served: model-manager wait {target.model} {version}")
    return Exit.DONE


def _target(url: str) -> "Target":
    from master.publish.target import BadTarget, parse  # noqa: PLC0415 - see above

    try:
        return parse(url)
    except BadTarget as error:
        raise Failure(str(error), code=Exit.USAGE) from error


def _next(bucket: "GoogleBucket", target: "Target") -> Version:
    from master.publish.target import BadTarget, next_version  # noqa: PLC0415 - see above

    try:
        return next_version(_versions(bucket.folders(target.model_folder)), unix_time=time.time())
    except BadTarget as error:
        raise Failure(str(error)) from error


def _versions(names: list[str]) -> Iterator[Version]:
    for name in names:
        try:
            yield Version.parse(name)
        except BadName:
            continue  # TensorFlow Serving does not take it for a version either


@contextmanager
def _bar(session: Session, what: str, size: int) -> "Iterator[Read]":
    """Show how far it is, on a terminal."""
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=session.screen.errors, disable=not session.screen.errors.is_terminal) as progress:
        task = progress.add_task(what, total=size)
        yield lambda count: progress.advance(task, count)
