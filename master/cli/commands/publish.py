"""The command `publish`: a version from a local folder into the bucket, whole or not at all."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.names import MAX_VERSION, Version, version_in
from master.cli.bucket import bucket_of, target_of
from master.cli.commands.signing import PROVENANCE, PROVENANCE_HELP, SigningKey, write_signature
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.cli.output.progress import bar
from master.cli.session import Json, Session

if TYPE_CHECKING:  # Google's client costs more start-up time than all of the other commands
    from master.cli.google.storage import GoogleBucket
    from master.cli.publish.folder import Folder
    from master.cli.publish.target import Target
    from master.cli.publish.upload import Uploaded
    from service.reading import Read

Url = Annotated[str, typer.Argument(metavar="gs://BUCKET/[PREFIX/]MODEL/[VERSION]", help="where it goes")]


@dataclass(frozen=True, slots=True)
class Checks:
    """What is looked at before anything is sent."""

    require_assets: Annotated[
        bool, typer.Option(help="refuse a version that lacks an asset its graph names, as nodes do by default")
    ] = True
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check the folder, choose the version, send nothing")] = (
        False
    )
    anyway: Annotated[
        bool, typer.Option("--anyway", help="publish also where no node looks, or where the version is doubtful")
    ] = False


@dataclass(frozen=True, slots=True)
class Signing:
    """With what the version is signed, where it is."""

    key: Annotated[
        Path | None,
        typer.Option(
            "--sign", metavar="FILE", help="sign with this private key, PEM; its password: MM_SIGNING_PASSWORD"
        ),
    ] = None
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="the key's certificate and those above it, PEM"),
    ] = None
    provenance: Annotated[str, typer.Option("--provenance", metavar=PROVENANCE, help=PROVENANCE_HELP)] = ""


def publish(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="one version of a SavedModel")],
    url: Url,
    *,
    checks: Checks,
    signing: Signing,
    as_json: Json = False,
) -> Exit:
    """Upload a version with checksums, its manifest last, so that nodes take it at once and whole.

    Without a VERSION it gets the seconds since 1970, or one more than the highest there is if that is higher. A version
    that is there is never changed; one whose upload was broken off is finished when the same command runs again with
    its number.
    """
    from master.cli.publish.folder import check, look, size_of  # noqa: PLC0415 - see above

    if signing.provenance and not signing.key:
        raise Failure("--provenance is signed, too: give --sign FILE", code=Exit.USAGE)
    target = target_of(url)
    size = sum(check(folder, require_assets=checks.require_assets).values())
    if not checks.anyway and (doubts := _doubts(session, folder, target)):
        raise Failure("; ".join(doubts), advice="put that right, or say --anyway to publish all the same")
    bucket = bucket_of(session.settings, target.bucket)
    place = Place(target, _version(session, target, bucket.folders(target.model_folder)))
    if checks.dry_run:
        session.screen.say(f"would publish {sentences.size(size)} as {place.address}")
        return Exit.DONE
    if signing.key:
        signing_key = SigningKey(signing.key, signing.certificate, signing.provenance)
        write_signature(session, folder, target.model, place.version, signing=signing_key)
        size = size_of(folder)
    with bar(session.screen, "checksums", size) as read:
        checked = look(folder, read=read)
    with bar(session.screen, "upload", size) as moved:
        done = _upload(session, bucket, checked, place=place, moved=moved)
    _tell(session, place, Sent(size, len(checked.files), done), as_json=as_json)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Place:
    """Where the version goes, its number chosen."""

    target: "Target"
    version: Version

    @property
    def address(self) -> str:
        """The version's address."""
        return self.target.url(self.version)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent."""

    size: int
    files: int
    done: "Uploaded"


def _doubts(session: Session, folder: Path, target: "Target") -> list[str]:
    """Say why the version may be of no use where it goes: nobody looks there, or it cannot be judged."""
    from master.cli.publish.folder import guessed  # noqa: PLC0415 - see above
    from master.cli.publish.sample import sample_problem  # noqa: PLC0415 - see above
    from master.cli.publish.watch import unseen, watch_of  # noqa: PLC0415 - see above

    nobody_looks = ""
    try:
        nobody_looks = unseen(watch_of(session.master.nodes()), target)
    except Failure as failure:  # a training image may know no master
        session.screen.note(f"whether a node looks at gs://{target.bucket}/{target.prefix} is not known: {failure}")
    highest = (
        f"version {MAX_VERSION} is the highest there can be: no later version of {target.model} could follow it"
        if target.version == MAX_VERSION
        else ""
    )
    return [doubt for doubt in (guessed(folder), sample_problem(folder), nobody_looks, highest) if doubt]


def _version(session: Session, target: "Target", folders: list[str]) -> Version:
    """Choose the number, or look whether the given one can be meant."""
    from master.cli.publish.target import BadTarget, higher, next_version, spelled_otherwise  # noqa: PLC0415 - see above

    if target.version is None:
        try:
            return next_version(_versions(folders), unix_time=time.time())
        except BadTarget as error:
            raise Failure(str(error)) from error
    if other := spelled_otherwise(folders, target.version):
        raise Failure(
            f"gs://{target.bucket}/{target.model_folder}{other}/ is there, and TensorFlow Serving takes it for version "
            f"{target.version}, too",
            advice="delete that folder, or publish under another number",
        )
    if later := higher(folders, target.version):
        session.screen.note(
            f"version {later} of {target.model} is in the bucket: nodes that follow the newest do not take "
            f"{target.version}"
        )
    return target.version


def _versions(names: list[str]) -> Iterator[Version]:
    yield from (version for name in names if (version := version_in(name)) is not None)


def _upload(session: Session, bucket: "GoogleBucket", folder: "Folder", *, place: Place, moved: "Read") -> "Uploaded":
    from master.cli.publish.upload import VersionExists, upload  # noqa: PLC0415 - see above

    try:
        return upload(bucket, folder, base=place.target.folder(place.version), moved=moved)
    except VersionExists as error:
        free = f"gs://{place.target.bucket}/{place.target.model_folder}"
        advice = f"without a number the next free one is chosen: model-manager publish {folder.path} {free}"
        raise Failure(str(error), advice=advice) from error
    except BaseException:
        session.screen.note(f"to go on where it stopped: model-manager publish {folder.path} {place.address}")
        raise


def _tell(session: Session, place: Place, sent: Sent, *, as_json: bool) -> None:
    address, done = place.address, sent.done
    if as_json:
        counts = {"sent": done.sent, "resumed": done.resumed, "was_there": done.was_there}
        session.screen.json(
            {"url": address, "version": place.version, "bytes": sent.size, "files": sent.files, **counts}
        )
        return
    if done.was_there:
        session.screen.say(f"{address} was published already, with exactly these files")
        return
    before = f", {done.resumed} of them before" if done.resumed else ""
    session.screen.say(
        f"published {address}: {sent.files} files{before}, {sentences.size(sent.size)}, and the manifest"
    )
    session.screen.note(f"to see it served: model-manager wait {place.target.model} {place.version}")
