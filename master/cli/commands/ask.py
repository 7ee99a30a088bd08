"""The commands that nodes follow at once: sync, reload, retention. They change nothing that is wanted."""

from typing import Annotated

import typer

from events.commands import Answer
from events.names import ModelName
from master.answers import Gathered
from master.cli.commands import change
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.cli.session import How, Session, complete_models, parsed

MaybeModel = Annotated[
    ModelName | None,
    typer.Argument(
        metavar="[MODEL]", parser=parsed(ModelName.parse), autocompletion=complete_models, show_default=False
    ),
]
Keep = Annotated[
    str,
    typer.Option("--keep", metavar="N|default", help="from now on keep so many older versions of MODEL on disk"),
]


def sync(session: Session, model: MaybeModel = None, *, how: How) -> Exit:
    """Have nodes look at the bucket now, instead of at the next notification or poll."""
    return _ask(session, "sync", model, how=how)


def reload(session: Session, *, how: How) -> Exit:
    """Have nodes send TensorFlow Serving its whole config again."""
    return _ask(session, "reload", None, how=how)


def retention(session: Session, model: MaybeModel = None, *, keep: Keep = "", how: How) -> Exit:
    """Remove older versions that retention does not keep, now; or with --keep set how many it keeps."""
    if not keep:
        what = f"of {model} " if model else ""
        question = f"Remove all versions {what}that retention does not keep from {_where(how)}?"
        if not how.dry_run and not how.yes:
            if session.screen.has_person and not how.as_json:
                _show(session, session.master.command("retention", model=model, nodes=how.where, is_dry_run=True))
            session.screen.confirm(question, yes=False)
        return _ask(session, "retention", model, how=how)
    if model is None:
        raise Failure("--keep needs a model", code=Exit.USAGE, advice="MM_RETENTION sets it for all models of a node")
    if keep != "default" and not (keep.isdigit() and int(keep) <= 1000):
        raise Failure(f"--keep {keep!a} is neither a number up to 1000 nor 'default'", code=Exit.USAGE)
    return change.retain(session, model, None if keep == "default" else int(keep), how=how)


def _where(how: How) -> str:
    return sentences.named(how.where) if how.where else "all nodes"


def _ask(session: Session, name: str, model: ModelName | None, *, how: How) -> Exit:
    gathered = session.master.command(name, model=model, nodes=how.where, is_dry_run=how.dry_run)
    if how.as_json:
        session.screen.json(gathered)
    else:
        _show(session, gathered)
    if any(answer.error for answer in gathered.answers):
        return Exit.FAILED
    return Exit.NOT_AS_DESIRED if gathered.unanswered else Exit.DONE


def _show(session: Session, gathered: Gathered) -> None:
    for names, said in sentences.grouped((answer.node, _sentences(answer)) for answer in gathered.answers):
        session.screen.say(f"{names}: {sentences.joined(said)}")
    for answer in gathered.answers:
        if answer.error:
            session.screen.warn(f"{answer.node} did not follow: {answer.error}")
    if gathered.unanswered:
        session.screen.warn(
            f"no answer from {sentences.named(gathered.unanswered)}; `nodes` shows whether they are lost"
        )
    if not gathered.answers and not gathered.unanswered:
        session.screen.warn("no node is known that could follow")


def _sentences(answer: Answer) -> tuple[str, ...]:
    return ("failed",) if answer.error else answer.sentences or ("done",)
