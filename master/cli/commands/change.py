"""The commands that change what is wanted of a model: pin, unpin, rollback, pull, label, pause, resume, retry, …

Each says what it does, node by node, and `--dry-run` says the same without doing it. In a terminal each asks once,
after showing what it would do; and it then changes exactly what it showed, or nothing. Where nobody can be asked, what
removes something needs `--yes`, and the others go on without.
"""

from dataclasses import replace
from typing import Annotated

import typer
from pydantic import ValidationError

from events.changes import (
    Change,
    ForgetModel,
    Pause,
    Pin,
    Pull,
    RemoveModel,
    RemoveVersion,
    Restore,
    Resume,
    Retention,
    Retry,
    Rollback,
    SetLabel,
    Unpin,
    Unpull,
)
from events.names import ModelName, Version
from master.answers import Made
from master.cli.client.api import ChangeRequest
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.cli.session import How, Model, OneVersion, Session, parsed

Versions = Annotated[
    list[Version],
    typer.Argument(metavar="VERSION...", parser=parsed(Version.parse), show_default=False),
]
AcceptDefault = Annotated[
    bool,
    typer.Option(
        "--accept-default", help="allow a label above what is pinned, though clients that name no version then get it"
    ),
]
MaybeVersion = Annotated[
    Version | None, typer.Argument(metavar="[VERSION]", parser=parsed(Version.parse), show_default=False)
]


def pin(session: Session, model: Model, versions: Versions, *, accept_default: AcceptDefault = False, how: How) -> Exit:
    """Serve exactly these versions, whatever else arrives."""
    return _change(session, model, Pin(versions=tuple(versions), accept_default=accept_default), how=how)


def unpin(
    session: Session,
    model: Model,
    *,
    latest: Annotated[int, typer.Option("--latest", min=1, max=16, help="serve so many of the newest")] = 1,
    how: How,
) -> Exit:
    """Follow the newest version again."""
    return _change(session, model, Unpin(count=latest), how=how)


def rollback(
    session: Session,
    model: Model,
    version: MaybeVersion = None,
    *,
    keep_labels: Annotated[bool, typer.Option("--keep-labels", help="refuse it where a label would have to move")] = (
        False
    ),
    how: How,
) -> Exit:
    """Pin the version that was served before the present one, or the one given; labels of the one left go with it."""
    return _change(session, model, Rollback(version=version, keep_labels=keep_labels), how=how)


def pull(session: Session, model: Model, version: OneVersion, *, how: How) -> Exit:
    """Have a version on the disks without serving it, so that a later pin takes effect at once."""
    return _change(session, model, Pull(version=version), how=how)


def unpull(session: Session, model: Model, version: OneVersion, *, how: How) -> Exit:
    """Take back a pull: the version stays on the disks only as long as retention keeps it."""
    return _change(session, model, Unpull(version=version), how=how)


def label(
    session: Session,
    model: Model,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="such as canary or stable")],
    version: Annotated[
        str, typer.Argument(metavar="VERSION|none", help="the version it shall point at; none takes the label away")
    ],
    *,
    accept_default: AcceptDefault = False,
    how: How,
) -> Exit:
    """Point a label at a version, or take it away."""
    target = None if version == "none" else parsed(Version.parse)(version)
    return _change(session, model, _label(label, target, accept_default=accept_default), how=how)


def pause(session: Session, model: Model, *, how: How) -> Exit:
    """Stop following new versions, and nothing else: pins, labels, rollbacks and removals are followed as ever."""
    return _change(session, model, Pause(), how=how)


def resume(session: Session, model: Model, *, how: How) -> Exit:
    """Follow new versions again after a pause."""
    return _change(session, model, Resume(), how=how)


def retry(session: Session, model: Model, version: OneVersion, *, how: How) -> Exit:
    """Try a quarantined version once more."""
    return _change(session, model, Retry(version=version), how=how)


def remove(
    session: Session,
    model: Model,
    version: MaybeVersion = None,
    *,
    drop_labels: Annotated[bool, typer.Option("--drop-labels", help="take labels away that point at VERSION")] = False,
    how: How,
) -> Exit:
    """Remove a model from the nodes, or one version of it: neither served nor fetched again until restored."""
    if version is None:
        return _change(session, model, RemoveModel(), how=how, question=f"Remove {model}?")
    question = f"Remove version {version} of {model}?"
    return _change(session, model, RemoveVersion(version=version, drop_labels=drop_labels), how=how, question=question)


def restore(session: Session, model: Model, version: MaybeVersion = None, *, how: How) -> Exit:
    """Take back the removal of a model, or of one version."""
    return _change(session, model, Restore(version=version), how=how)


def forget_model(session: Session, model: Model, *, how: How) -> Exit:
    """Drop what is wanted of a model that is nowhere: neither on a node nor in the bucket."""
    return _change(session, model, ForgetModel(), how=how, question=f"Forget what is wanted of {model}?")


def retain(session: Session, model: ModelName, count: int | None, *, how: How) -> Exit:
    """Set how many older versions of a model stay on disk; None is each node's own setting."""
    return _change(session, model, Retention(count=count), how=how)


def _label(name: str, version: Version | None, *, accept_default: bool) -> SetLabel:
    try:
        return SetLabel(label=name, version=version, accept_default=accept_default)
    except ValidationError as error:
        rule = "1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit"
        raise Failure(f"{name[:80]!a} is not a label ({rule})", code=Exit.USAGE) from error


def _change(session: Session, model: ModelName, change: Change, *, how: How, question: str = "") -> Exit:
    change = _with_words(change, how)
    wish = ChangeRequest(change, nodes=how.where, is_dry_run=how.dry_run)
    if not how.dry_run and not how.yes and (question or session.screen.has_person):
        foreseen = session.master.change(model, ChangeRequest(change, nodes=how.where, is_dry_run=True))
        if not how.as_json:
            _show(session, foreseen)
        if foreseen.is_changed:
            session.screen.confirm(question or "Make this change?", yes=False)
        elif not how.as_json:
            return Exit.DONE
        wish = replace(wish, revision=foreseen.revision_before)
    made = session.master.change(model, wish)
    if how.as_json:
        session.screen.json(made)
    else:
        _show(session, made)
    return Exit.DONE


def _with_words(change: Change, how: How) -> Change:
    """Put beside a change what all changes may have: the reason, and whether the future is meant."""
    try:
        return type(change).model_validate({**dict(change), "reason": how.reason, "ahead": how.ahead})
    except ValidationError as error:
        rule = "at most 500 characters, on one line"
        raise Failure(f"the message of -m is not right ({rule})", code=Exit.USAGE) from error


def _show(session: Session, made: Made) -> None:
    if not made.is_changed:
        ending = "it is so already, nothing was changed" if made.is_dry_run else "it was so already"
    elif made.is_dry_run:
        ending = "nothing was changed, this is what it would do"
    else:
        ending = f"done, revision {made.revision_before} -> {made.revision_after}"
    session.screen.say(f"{made.summary}: {ending}", style="bold")
    groups = sentences.grouped((one.node, one.sentences) for one in made.nodes)
    for names, said in groups:
        session.screen.say(f"  {names}: {sentences.joined(said) or 'nothing changes'}")
