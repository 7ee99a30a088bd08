"""What `doctor` sees of Google Cloud, or of its emulators: sign-in, bucket, notification, topic, subscriptions."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from events import resources, subscription
from events.names import NodeName
from master.cli.doctor.finding import Finding, good, unknown, warning, wrong
from master.cli.google.bootstrap import Bucket as BootstrapBucket
from master.cli.google.bootstrap import Topics, covers
from master.cli.google.causes import GoogleFailure, Missing, NotAllowed
from master.cli.google.gcloud import Plan
from master.cli.google.pubsub import NoPermissions

READ = ("storage.objects.get", "storage.objects.list")
WRITE = ("storage.objects.create",)
LISTEN = ("pubsub.subscriptions.consume",)
BOOTSTRAP = "`model-manager bootstrap` makes what is missing"


class Bucket(BootstrapBucket, Protocol):
    """What is needed of Cloud Storage."""

    def lacking(self, permissions: tuple[str, ...]) -> list[str]: ...


class PubSub(Topics, Protocol):
    """What is needed of Pub/Sub."""

    def subscription_path(self, name: str) -> str: ...
    def lacking(self, resource: str, permissions: tuple[str, ...]) -> list[str]: ...


def check_bucket(bucket: Bucket, plan: Plan, *, is_emulated: bool) -> Iterator[Finding]:
    """The bucket, and what this account may do there."""
    subject = f"bucket {plan.bucket}"
    try:
        is_there = bucket.is_there()
    except NotAllowed as error:
        yield wrong(subject, str(error), "sign in, or ask for roles/storage.objectViewer on the bucket")
        return
    except GoogleFailure as error:
        yield wrong(subject, str(error), "check the network, and STORAGE_EMULATOR_HOST if it is set")
        return
    if not is_there:
        yield wrong(subject, "it does not exist", "check MM_BUCKET, or make it")
        return
    yield good(subject, "it is there")
    if is_emulated:
        yield unknown(f"permissions on {plan.bucket}", "an emulator has none")
        return
    yield from _permissions(bucket, plan)


def check_notification(bucket: Bucket, plan: Plan, *, is_emulated: bool) -> Finding:
    """Whether new objects are told to the topic."""
    subject = f"notification of {plan.bucket}"
    try:
        found = bucket.notifiers()
    except GoogleFailure as error:
        if is_emulated and isinstance(error, Missing):
            return unknown(subject, "this emulator has none to look at")
        return unknown(subject, str(error))
    if any(covers(one, topic=plan.topic_path, prefix=plan.prefix) for one in found):
        return good(subject, f"goes to {plan.topic}")
    return wrong(subject, f"none goes to {plan.topic_path}: uploads are noticed by polling only", BOOTSTRAP)


def check_topic(topics: PubSub, plan: Plan) -> Finding:
    """Whether the topic exists."""
    subject = f"topic {plan.topic}"
    try:
        if topics.has_topic(plan.topic):
            return good(subject, "it is there")
    except GoogleFailure as error:
        return wrong(subject, str(error), "check sign-in and network, and PUBSUB_EMULATOR_HOST if it is set")
    return wrong(subject, "it does not exist", BOOTSTRAP)


def check_subscriptions(topics: PubSub, plan: Plan, nodes: Sequence[NodeName]) -> Iterator[Finding]:
    """Each node's subscription: there, of this topic, with the filter its puller expects."""
    findings = [_subscription(topics, plan, node) for node in nodes]
    troubled = [finding for finding in findings if finding]
    yield from troubled
    if nodes and not troubled:
        yield good("subscriptions", f"all {len(nodes)} are there" if len(nodes) > 1 else "it is there")


def _subscription(topics: PubSub, plan: Plan, node: NodeName) -> Finding | None:
    name = subscription.name(plan.topic, node)
    subject = f"subscription {name}"
    advice = f"`model-manager bootstrap --node {node}` makes it right, or {node}'s puller does when it may"
    try:
        found = topics.find(name)
        if found is None:
            return wrong(subject, f"it does not exist: {node} notices uploads by polling only", advice)
        if not resources.are_same(found.topic, plan.topic_path):
            return wrong(subject, f"it belongs to {found.topic}", advice)
        if found.is_detached:
            return wrong(subject, "it is detached from its topic", advice)
        if found.filter != subscription.filter_of(plan.prefix):
            return warning(subject, f"its filter is {found.filter!r}", advice)
        return _listening(lambda: topics.lacking(topics.subscription_path(name), LISTEN), subject)
    except GoogleFailure as error:
        return unknown(subject, str(error))


def _listening(lacking: Callable[[], list[str]], subject: str) -> Finding | None:
    try:
        if lacking():
            sentence = "the account used here may not read from it; if the node's is the same, it cannot either"
            return warning(subject, sentence, "give the node's account roles/pubsub.subscriber on it")
    except NoPermissions:
        return None
    return None


def _permissions(bucket: Bucket, plan: Plan) -> Iterator[Finding]:
    subject = f"permissions on {plan.bucket}"
    try:
        if lacking := bucket.lacking(READ):
            advice = "nodes need roles/storage.objectViewer on the bucket"
            yield wrong(subject, f"the account used here lacks {', '.join(lacking)}", advice)
        elif bucket.lacking(WRITE):
            advice = "whoever publishes needs roles/storage.objectCreator, too"
            yield warning(subject, "it may read, but not write", advice)
        else:
            yield good(subject, "it may read and write")
    except GoogleFailure as error:
        yield unknown(subject, str(error))
