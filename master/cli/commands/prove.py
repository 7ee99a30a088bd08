"""The command `prove`: what was served where at some moment, as the nodes themselves have signed it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from events.attested import Attested, AttestedVersion
from events.messages import ModelAttested
from events.names import ModelName
from events.wording import for_terminal
from master.answers import Entry
from master.cli import proof
from master.cli.exits import Exit, Failure
from master.cli.output.sentences import moment
from master.cli.proof import Holding, Keys
from master.cli.session import Json, Session, complete_models, parsed

PAGE = 1000  # events of one look at history
REACH = timedelta(days=11)  # a statement is said again after ten days
MAX_SHOWN = 12  # characters of a digest


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and written."""

    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="write the signed statements there, to be kept")
    ] = None
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="FILE", help="check such a file; asks no master")
    ] = None
    keys: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE|FOLDER", help="public key of a node, or a folder with NODE.pem of each"),
    ] = None


def prove(
    session: Session,
    model: Annotated[
        ModelName | None,
        typer.Argument(
            metavar="[MODEL]", parser=parsed(ModelName.parse), autocompletion=complete_models, show_default=False
        ),
    ] = None,
    *,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="ISO 8601, UTC where no zone is named")] = "",
    files: Files,
    as_json: Json = False,
) -> Exit:
    """Say what was served where at a moment, and who had signed it, by what nodes with MM_ATTEST_KEY have signed.

    With --key every statement is checked. What --out writes, --verify checks anywhere, without master or network.
    """
    if files.verify:
        if model or at or files.out or not files.keys:
            raise Failure("--verify FILE needs --key, and neither MODEL, --at nor --out", code=Exit.USAGE)
        return _checked(session, _read(files.verify), files.keys, as_json=as_json)
    if model is None or not at:
        raise Failure("say of which MODEL, and --at which time; or --verify FILE", code=Exit.USAGE)
    moment_meant = _time(at)
    found = proof.holding(_statements(session, model, moment_meant), moment_meant)
    if not found:
        advice = "nodes sign what they serve where MM_ATTEST_KEY is set, and history keeps that for thirty days"
        raise Failure(f"no node has signed what it served of {model} at {moment(moment_meant)}", advice=advice)
    data = _render(model, moment_meant, found)
    if files.out:
        _write(session, files.out, data)
    if files.keys:
        return _checked(session, data, files.keys, as_json=as_json)
    _tell(session, model, moment_meant, found, as_json=as_json)
    return Exit.DONE


def _checked(session: Session, data: bytes, paths: list[Path], *, as_json: bool) -> Exit:
    model, at, found = proof.verify(data, _keys(paths))
    _tell(session, model, at, found, as_json=as_json)
    return Exit.DONE


def _keys(paths: list[Path]) -> Keys:
    """Read the public keys: a file counts for every node, one of a folder for the node that it is called by."""
    from service.signatures.keys import BadKey, load_public  # noqa: PLC0415 - cryptography costs start-up time

    try:
        shared = {str(path): load_public(path) for path in paths if not path.is_dir()}
        found = [one for path in paths if path.is_dir() for one in sorted(path.glob("*.pem"))]
        return Keys(shared, {path.stem: load_public(path) for path in found})
    except BadKey as error:
        raise Failure(str(error), code=Exit.USAGE) from error


def _statements(session: Session, model: ModelName, at: datetime) -> Iterator[Attested]:
    """Read the statements about a model, newest first, as far back as one that holds may be."""
    before = ""
    while True:
        page = session.master.history(limit=PAGE, before=before, model=model, kind=ModelAttested.type)
        for entry in page.entries:
            if (statement := _statement(entry)) is not None:
                yield statement
        if page.before is None or (page.entries and page.entries[-1].time < at - REACH):
            return
        before = str(page.before)


def _statement(entry: Entry) -> Attested | None:
    """Read a statement; one that says something else than its event proves nothing."""
    try:
        event = ModelAttested.model_validate(entry.data)
    except ValidationError:
        return None
    return event if (event.node, event.model) == (entry.node, entry.model) else None


def _render(model: ModelName, at: datetime, found: list[Holding]) -> bytes:
    from service.signatures.attestation import bundle_of  # noqa: PLC0415 - cryptography costs start-up time

    said = [one for holding in found for one in (holding.now, holding.after) if isinstance(one, ModelAttested)]
    return proof.render(model, at, [bundle_of(one) for one in said])


def _tell(session: Session, model: ModelName, at: datetime, found: list[Holding], *, as_json: bool) -> None:
    if as_json:
        nodes = [
            {
                **{name: value for name, value in one.now if name in Attested.model_fields},
                "next": one.after.at if one.after else None,
                "checked_by": sorted(one.keys),
            }
            for one in found
        ]
        session.screen.json({"model": model, "at": at, "nodes": nodes})
        return
    checked = all(one.keys for one in found)
    words = "as nodes have signed it, checked" if checked else "as nodes have signed it, not checked (--key)"
    session.screen.say(f"{model} at {moment(at)}, {words}:", style="bold")
    for one in found:
        session.screen.say(*(for_terminal(line) for line in _lines(one)))


def _lines(one: Holding) -> Iterator[str]:
    now, after = one.now, one.after
    by = f", signed by {', '.join(sorted(one.keys))}" if one.keys else ""
    nothing = "" if now.served else " nothing"
    yield f"{now.node} served{nothing} since {moment(now.since)} (said at {moment(now.at)}{by})"
    for version in now.served:
        yield f"  {_version(version)}"
    if now.others:
        yield f"  and {now.others} older versions"
    if after is None:
        yield "  it has said nothing later"
    else:
        gap = ", after a time in which nobody watched" if after.occasion in {"start", "return"} else ""
        yield f"  the next it said was at {moment(after.at)} ({after.occasion}{gap})"


def _version(version: AttestedVersion) -> str:
    who = f"signed by {version.signed_by}" if version.signed_by else "signed by nobody that it believed"
    digest = f"SHA-256 {version.digest[:MAX_SHOWN]}" if version.digest else f"content {version.content[:MAX_SHOWN]}"
    return ", ".join(filter(None, (f"version {version.version}", digest, who, version.provenance)))


def _time(given: str) -> datetime:
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        raise Failure(f"{given!a} is no time such as 2026-11-27T12:00", code=Exit.USAGE) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(proof.BOUNDS.max_bytes + 1)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error


def _write(session: Session, path: Path, data: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(data)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from error
    session.screen.note(f"the signed statements are in {path}; model-manager prove --verify {path} checks them")
