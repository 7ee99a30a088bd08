"""Setting a project up: what is missing is made, what is there stays, any number of times."""

from dataclasses import replace

from events.names import NodeName
from master.cli.google.bootstrap import Bootstrap, Outcome, covers
from master.cli.google.gcloud import Commands, Plan
from master.cli.google.pubsub import Found
from master.cli.google.storage import Notifier
from tests.fakes.publishing import FakeSetup

PLAN = Plan("p", "b", "t", "models/", nodes=(NodeName("n1"), NodeName("n2")))
TOPIC = "projects/p/topics/t"


def steps(setup: FakeSetup, *, plan: Plan = PLAN, dry: bool = False, emulated: bool = False) -> list[Outcome]:
    bootstrap = Bootstrap(plan, setup, setup, is_dry_run=dry, is_emulated=emulated)
    return [step.outcome for step in bootstrap.steps()]


def test_everything_is_made_once() -> None:
    """The second run finds all of it there."""
    setup = FakeSetup()
    made, there = Outcome.MADE, Outcome.THERE
    assert steps(setup) == [made, there, made, made, made, made]
    assert steps(setup) == [there] * 6
    assert setup.publishers == {"serviceAccount:agent@4711"}  # of the bucket's project, not of the topic's
    assert len(setup.notifications) == 1


def test_a_dry_run_makes_nothing() -> None:
    """It says what it would make."""
    setup = FakeSetup()
    would = Outcome.WOULD_MAKE
    assert steps(setup, dry=True) == [would, Outcome.THERE, would, would, would, would]
    assert setup == FakeSetup()


def test_emulators_lack_some_things_and_that_is_no_failure() -> None:
    """What an emulator cannot have is skipped, with the reason."""
    setup = FakeSetup(can_notify=False, has_permissions=False)
    assert steps(setup, emulated=True)[2:4] == [Outcome.SKIPPED, Outcome.SKIPPED]
    assert steps(FakeSetup(has_permissions=False))[2] is Outcome.SKIPPED


def test_a_step_that_fails_does_not_stop_the_others() -> None:
    """All that is missing is seen at once."""
    assert steps(FakeSetup(has_bucket=False, can_notify=False)) == [
        Outcome.MADE,
        Outcome.FAILED,
        Outcome.FAILED,  # whose agent, nobody can tell
        Outcome.FAILED,
        Outcome.MADE,
        Outcome.MADE,
    ]


def test_a_subscription_that_receives_nothing_is_made_anew() -> None:
    """One whose topic was deleted, or whose filter is of another prefix, is replaced as the puller would."""
    setup = FakeSetup(topics={"t"})
    setup.subscriptions["t-n1"] = Found("_deleted-topic_", "", is_detached=False)
    setup.subscriptions["t-n2"] = Found(TOPIC, 'attributes.eventType = "OBJECT_FINALIZE"', is_detached=False)
    assert steps(setup)[4:] == [Outcome.MADE, Outcome.MADE]
    assert {found.topic for found in setup.subscriptions.values()} == {TOPIC}
    assert steps(setup)[4:] == [Outcome.THERE, Outcome.THERE]


def test_a_filter_of_somebodys_own_is_left_as_it_is() -> None:
    """The puller lets it be, too, and filters again by itself."""
    setup = FakeSetup(topics={"t"})
    setup.subscriptions["t-n1"] = Found(TOPIC, 'attributes.team = "a"', is_detached=False)
    assert steps(setup)[4] is Outcome.THERE
    assert setup.subscriptions["t-n1"].filter == 'attributes.team = "a"'


def test_somebody_elses_subscription_is_left_alone() -> None:
    """A name that is taken by another topic is for a person to look at."""
    setup = FakeSetup(topics={"t"})
    setup.subscriptions["t-n1"] = Found("projects/p/topics/other", "", is_detached=False)
    assert steps(setup)[4] is Outcome.FAILED
    assert setup.subscriptions["t-n1"].topic == "projects/p/topics/other"


def test_a_notification_of_more_is_enough() -> None:
    """One that tells of the whole bucket, or of all events, covers ours; another topic's or a narrower one does not."""
    assert covers(Notifier(TOPIC, (), ""), topic=TOPIC, prefix="models/")
    assert covers(Notifier(TOPIC, ("OBJECT_DELETE", "OBJECT_FINALIZE"), "mod"), topic=TOPIC, prefix="models/")
    assert not covers(Notifier(TOPIC, ("OBJECT_DELETE",), ""), topic=TOPIC, prefix="models/")
    assert not covers(Notifier(TOPIC, (), "models/a/"), topic=TOPIC, prefix="models/")
    assert not covers(Notifier("projects/p/topics/other", (), ""), topic=TOPIC, prefix="models/")


def test_the_commands_of_gcloud_say_the_same() -> None:
    """They can be pasted into a shell as they are."""
    commands = Commands(PLAN)
    assert commands.topic == "gcloud pubsub topics create t --project=p"
    assert commands.notification == (
        "gcloud storage buckets notifications create gs://b --topic=projects/p/topics/t "
        "--event-types=OBJECT_FINALIZE --payload-format=none --object-prefix=models/"
    )
    assert commands.subscription(NodeName("n1")) == (
        "gcloud pubsub subscriptions create t-n1 --project=p --topic=t --ack-deadline=10 "
        '\'--message-filter=attributes.eventType = "OBJECT_FINALIZE" AND '
        'hasPrefix(attributes.objectId, "models/")\' '
        "--message-retention-duration=3600s --expiration-period=31d --min-retry-delay=1s --max-retry-delay=60s"
    )


def test_who_pays_is_named_with_every_command_on_the_bucket() -> None:
    """A bucket with requester-pays refuses the others; and the nodes' account has to be allowed to name who pays."""
    commands = Commands(replace(PLAN, billing_project="payer"))
    for command in (commands.agent, commands.notification, commands.rights[0]):
        assert " --billing-project=payer" in command
    assert commands.rights[-1] == (
        "gcloud projects add-iam-policy-binding payer --member=serviceAccount:NODE_ACCOUNT"
        " --role=roles/serviceusage.serviceUsageConsumer"
    )
    assert not [command for command in (*Commands(PLAN).rights, commands.topic) if "payer" in command]


def test_a_topic_may_be_in_another_project_than_the_subscriptions() -> None:
    """Whose name has the topic's own name in it, not its path."""
    plan = Plan("p", "b", "projects/42/topics/t", nodes=(NodeName("n1"),))
    setup = FakeSetup()
    assert steps(setup, plan=plan)[3:] == [Outcome.MADE, Outcome.MADE]
    assert setup.notifications == [Notifier("projects/42/topics/t", ("OBJECT_FINALIZE",), "")]
    assert setup.subscriptions["t-n1"].topic == "projects/42/topics/t"
    assert steps(setup, plan=plan)[3:] == [Outcome.THERE, Outcome.THERE]
    commands = Commands(plan)
    assert commands.topic.startswith("gcloud pubsub topics create projects/42/topics/t ")
    assert commands.subscription(NodeName("n1")).startswith(
        "gcloud pubsub subscriptions create t-n1 --project=p --topic=projects/42/topics/t "
    )


def test_a_project_by_number_is_the_one_that_google_names_by_id() -> None:
    """What is there is found again, and made no second time."""
    setup = FakeSetup(topics={"t"}, notifications=[Notifier(TOPIC, ("OBJECT_FINALIZE",), "")])
    setup.subscriptions["t-n1"] = Found(TOPIC, 'attributes.eventType = "OBJECT_FINALIZE"', is_detached=False)
    plan = Plan("4711", "b", "t", nodes=(NodeName("n1"),))
    assert steps(setup, plan=plan)[3:] == [Outcome.THERE, Outcome.THERE]
