"""The command `bootstrap`: topic, notification and subscriptions, on a real project or on emulators."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from events import resources
from events.names import parse_prefix
from events.subscription import EXPIRY_DAYS
from master.cli.bucket import bucket_of
from master.cli.exits import Exit, Failure
from master.cli.session import Json, Nodes, Session, parsed

if TYPE_CHECKING:  # Google's clients cost more start-up time than all of the other commands
    from master.cli.google.bootstrap import Step
    from master.cli.google.gcloud import Plan

OUTCOMES = {"made": "green", "was there": "green", "would be made": "cyan", "skipped": "dim", "failed": "red"}

Days = Annotated[int, typer.Option("--days", min=1, max=365, help="a subscription nobody reads expires after so many")]


@dataclass(frozen=True, slots=True)
class Place:
    """Which project, bucket and topic; by default those the services' own variables name."""

    project: Annotated[
        str,
        typer.Option(
            "--project",
            envvar="MM_PROJECT",
            parser=parsed(resources.parse_project),
            help="Google Cloud project: its id, its number, or example.com:id",
        ),
    ] = ""
    bucket: Annotated[str, typer.Option("--bucket", envvar="MM_BUCKET", help="the bucket, without gs://")] = ""
    topic: Annotated[
        str,
        typer.Option(
            "--topic",
            envvar="MM_TOPIC",
            parser=parsed(partial(resources.parse_name, "topics")),
            help="topic of its notifications; projects/PROJECT/topics/NAME where it is in another project",
        ),
    ] = ""
    prefix: Annotated[
        str, typer.Option("--prefix", envvar="MM_PREFIX", parser=parsed(parse_prefix), help="folder of the models")
    ] = ""

    @property
    def home(self) -> str:
        """The project of the subscriptions: the one that is named, else the topic's."""
        return self.project or resources.project_of(self.topic)

    def check(self) -> None:
        """Refuse what is not enough to go on."""
        given = {"project": self.home, "bucket": self.bucket, "topic": self.topic}
        missing = [name for name, value in given.items() if not value]
        if missing:
            flags = " and ".join(f"--{name} (or MM_{name.upper()})" for name in missing)
            raise Failure(f"name {flags}", code=Exit.USAGE)


def bootstrap(
    session: Session,
    *,
    place: Place,
    nodes: Nodes = None,
    days: Days = EXPIRY_DAYS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="make nothing; show what is missing")] = False,
    as_json: Json = False,
) -> Exit:
    """Make the topic, the bucket's notification and each --node's subscription, where they are missing."""
    from master.cli.google.bootstrap import Outcome  # noqa: PLC0415 - see above
    from master.cli.google.gcloud import Commands, Plan  # noqa: PLC0415 - see above

    place.check()
    plan = Plan(
        place.home,
        place.bucket,
        place.topic,
        place.prefix,
        nodes=tuple(nodes or ()),
        days=days,
        billing_project=session.settings.billing_project,
    )
    steps = _take(session, plan, is_dry_run=dry_run)
    if as_json:
        session.screen.json([asdict(step) for step in steps])
    else:
        _show(session, steps, is_dry_run=dry_run)
        session.screen.note("the nodes' account, which is yours to name, needs these rights:")
        session.screen.say(*(f"  {line}" for line in Commands(plan).rights))
        if not plan.nodes:
            session.screen.note("no --node given: each node's puller makes its own subscription, if its account may")
    return Exit.FAILED if any(step.outcome is Outcome.FAILED for step in steps) else Exit.DONE


def _take(session: Session, plan: "Plan", *, is_dry_run: bool) -> "list[Step]":
    from master.cli.google import pubsub  # noqa: PLC0415 - see above
    from master.cli.google.bootstrap import Bootstrap  # noqa: PLC0415 - see above

    is_emulated = bool(session.settings.storage_emulator)
    with pubsub.connect(plan.project, emulator=session.settings.pubsub_emulator) as topics:
        bucket = bucket_of(session.settings, plan.bucket, project=plan.project)
        return list(Bootstrap(plan, topics, bucket, is_dry_run=is_dry_run, is_emulated=is_emulated).steps())


def _show(session: Session, steps: "list[Step]", *, is_dry_run: bool) -> None:
    session.screen.table(
        "WHAT",
        "OUTCOME",
        "DETAIL",
        rows=[(step.what, Text(step.outcome, style=OUTCOMES[step.outcome]), step.detail) for step in steps],
    )
    if wanted := [step for step in steps if step.outcome in {"would be made", "failed"}]:
        session.screen.note("the same with gcloud:")
        session.screen.say(*(f"  {step.command}" for step in wanted if is_dry_run or step.outcome == "failed"))
