"""The command `doctor`: look at everything a working cluster needs, and say what to do about what is wrong."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from events.names import NodeName
from master.cli.bucket import bucket_of
from master.cli.commands.bootstrap import Place
from master.cli.doctor import flags
from master.cli.doctor.checks import check_fleet, check_master
from master.cli.doctor.finding import Finding, Level, unknown, wrong
from master.cli.exits import Exit
from master.cli.session import Json, Session
from master.fleet.views import NodeRow

STYLES = {Level.GOOD: "green", Level.UNKNOWN: "dim", Level.WARNING: "yellow", Level.WRONG: "bold red"}

ServingFlags = Annotated[str, typer.Option("--serving-flags", help="TensorFlow Serving's command line, to be judged")]


def doctor(session: Session, *, place: Place, serving_flags: ServingFlags = "", as_json: Json = False) -> Exit:
    """Check master, token, NATS, nodes, models, clocks, disks, bucket, topic, subscriptions and TF Serving's flags."""
    findings = list(_findings(session, place, serving_flags))
    if as_json:
        session.screen.json([asdict(finding) for finding in findings])
    else:
        _show(session, findings)
    return Exit.NOT_AS_DESIRED if any(one.level is Level.WRONG for one in findings) else Exit.DONE


def _findings(session: Session, place: Place, serving_flags: str) -> Iterator[Finding]:
    reached = list(check_master(session.master, now=session.now()))
    yield from reached
    rows: list[NodeRow] = []
    if len(reached) > 1:
        about_fleet, rows = check_fleet(session.master, now=session.now())
        yield from about_fleet
    if place.bucket:
        yield from _google(session, place, [row.node for row in rows])
    else:
        yield unknown(
            "bucket", "no bucket was named", "--bucket, --project and --topic, or MM_BUCKET, MM_PROJECT, MM_TOPIC"
        )
    if serving_flags:
        yield from flags.check([flags.split(serving_flags)])
    else:
        yield from flags.check(flags.of_nodes(flags.command_lines(), rows))


def _google(session: Session, place: Place, nodes: Sequence[NodeName]) -> Iterator[Finding]:
    from master.cli.doctor import google_checks as checks  # noqa: PLC0415 - it costs half a second
    from master.cli.google import pubsub  # noqa: PLC0415 - as above
    from master.cli.google.causes import SIGN_IN, GoogleFailure, NotAllowed  # noqa: PLC0415 - as above
    from master.cli.google.gcloud import Plan  # noqa: PLC0415 - as above

    plan = Plan(place.home, place.bucket, place.topic, place.prefix)
    is_emulated = bool(session.settings.storage_emulator)
    with ExitStack() as closing:
        try:
            bucket = bucket_of(session.settings, place.bucket, project=place.home)
            yield from checks.check_bucket(bucket, plan, is_emulated=is_emulated)
            if not (place.home and place.topic):
                yield unknown(
                    "topic", "no topic was named: uploads are noticed by polling only", "name --project and --topic"
                )
                return
            connection = pubsub.connect(place.home, emulator=session.settings.pubsub_emulator)
            topics = closing.enter_context(connection)
        except GoogleFailure as error:
            is_refused = isinstance(error, NotAllowed)
            yield wrong("credentials", str(error), SIGN_IN if is_refused else "check the network, and MM_PROXY")
            return
        yield checks.check_topic(topics, plan)
        yield checks.check_notification(bucket, plan, is_emulated=is_emulated)
        yield from checks.check_subscriptions(topics, plan, nodes)


def _show(session: Session, findings: Sequence[Finding]) -> None:
    for one in findings:
        session.screen.finding(Text(f"{one.level:<12}", STYLES[one.level]), f"{one.subject}: {one.sentence}")
        if one.advice:
            session.screen.say(f"{'':12}-> {one.advice}", style="dim")
    count = sum(one.level is Level.WRONG for one in findings)
    session.screen.say("", f"{count} thing{'s are' if count != 1 else ' is'} wrong" if count else "nothing is wrong")
