"""Set a project up for nodes: topic, the bucket's notification, and a subscription for each node; any number of times.

Each step first looks whether it is done. A step that fails does not stop the others: whoever runs this sees all that is
missing at once, with the command of `gcloud` that does the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

from events import resources, subscription
from master.cli.google.causes import GoogleFailure, Missing
from master.cli.google.gcloud import Commands, Plan
from master.cli.google.pubsub import Found, NoPermissions
from master.cli.google.storage import FINALIZE, Notifier


class Outcome(StrEnum):
    """What became of a step."""

    MADE = "made"
    THERE = "was there"
    WOULD_MAKE = "would be made"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that nodes need, what became of it, and the command that does the same."""

    what: str
    outcome: Outcome
    detail: str
    command: str


class Topics(Protocol):
    """What is needed of Pub/Sub."""

    def has_topic(self, topic: str) -> bool: ...
    def make_topic(self, topic: str) -> None: ...
    def may_publish(self, topic: str, member: str) -> bool: ...
    def let_publish(self, topic: str, member: str) -> None: ...
    def find(self, name: str) -> Found | None: ...
    def subscribe(self, name: str, *, topic: str, prefix: str, days: int) -> None: ...
    def drop(self, name: str) -> None: ...


class Bucket(Protocol):
    """What is needed of Cloud Storage."""

    def is_there(self) -> bool: ...
    def notifiers(self) -> list[Notifier]: ...
    def notify(self, *, topic_path: str, prefix: str) -> None: ...
    def service_agent(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Takes the steps, or with `is_dry_run` says which it would take."""

    plan: Plan
    topics: Topics
    bucket: Bucket
    is_dry_run: bool = False
    is_emulated: bool = False  # the bucket is an emulator's, which has neither notifications nor accounts of its own

    def steps(self) -> Iterator[Step]:
        """Take the steps one after the other, and tell of each."""
        plan = self.plan
        commands = Commands(plan)
        yield self._step(f"topic {plan.topic}", commands.topic, self._topic)
        yield self._step(f"bucket {plan.bucket}", commands.bucket, self._check_bucket)
        yield self._step(f"Cloud Storage may publish to {plan.topic}", commands.agent, self._agent)
        yield self._step(f"notification of gs://{plan.bucket}/{plan.prefix}", commands.notification, self._notification)
        for node in plan.nodes:
            name = subscription.name(plan.topic, node)
            take = partial(self._subscription, name)
            yield self._step(f"subscription {name} of {node}", commands.subscription(node), take)

    def _step(self, what: str, command: str, take: Callable[[], tuple[Outcome, str]]) -> Step:
        try:
            outcome, detail = take()
        except GoogleFailure as error:
            outcome, detail = Outcome.FAILED, str(error)
        return Step(what, outcome, detail, command)

    def _topic(self) -> tuple[Outcome, str]:
        if self.topics.has_topic(self.plan.topic):
            return Outcome.THERE, ""
        return self._do(lambda: self.topics.make_topic(self.plan.topic))

    def _check_bucket(self) -> tuple[Outcome, str]:
        if self.bucket.is_there():
            return Outcome.THERE, ""
        return Outcome.FAILED, "it does not exist; where it shall be stored is yours to choose, so make it yourself"

    def _agent(self) -> tuple[Outcome, str]:
        if self.is_emulated:
            return Outcome.SKIPPED, "an emulator of Cloud Storage has no accounts"
        member = f"serviceAccount:{self.bucket.service_agent()}"
        try:
            if self.topics.may_publish(self.plan.topic, member):
                return Outcome.THERE, member
        except NoPermissions:
            return Outcome.SKIPPED, "an emulator of Pub/Sub has no permissions"
        except Missing:
            if not self.is_dry_run:
                raise
        return self._do(lambda: self.topics.let_publish(self.plan.topic, member))

    def _notification(self) -> tuple[Outcome, str]:
        plan = self.plan
        try:
            found = self.bucket.notifiers()
        except Missing:
            if not self.is_emulated:
                raise
            return (
                Outcome.SKIPPED,
                "this emulator has no notifications to set up; its own -event flags choose the topic",
            )
        if any(covers(one, topic=plan.topic_path, prefix=plan.prefix) for one in found):
            return Outcome.THERE, ""
        return self._do(lambda: self.bucket.notify(topic_path=plan.topic_path, prefix=plan.prefix))

    def _subscription(self, name: str) -> tuple[Outcome, str]:
        plan = self.plan
        found = self.topics.find(name)
        if found is None:
            return self._do(lambda: self._subscribe(name))
        is_deleted = found.topic == subscription.DELETED_TOPIC
        if not (is_deleted or resources.are_same(found.topic, plan.topic_path)):
            return Outcome.FAILED, f"it belongs to {found.topic}; delete it, or give the node another name"
        if not is_deleted and not subscription.is_outdated(found.filter, plan.prefix):
            has_own = found.filter != subscription.filter_of(plan.prefix)
            return Outcome.THERE, f"with a filter of its own: {found.filter or 'none'}" if has_own else ""
        why = "its topic was deleted" if is_deleted else f"its filter is {found.filter!r}"
        outcome, _ = self._do(lambda: self._replace(name))
        return outcome, f"anew, because {why}"

    def _replace(self, name: str) -> None:
        self.topics.drop(name)
        self._subscribe(name)

    def _subscribe(self, name: str) -> None:
        self.topics.subscribe(name, topic=self.plan.topic, prefix=self.plan.prefix, days=self.plan.days)

    def _do(self, act: Callable[[], object]) -> tuple[Outcome, str]:
        if self.is_dry_run:
            return Outcome.WOULD_MAKE, ""
        act()
        return Outcome.MADE, ""


def covers(found: Notifier, *, topic: str, prefix: str) -> bool:
    """Whether a notification tells the topic of every new object below a prefix."""
    tells = not found.event_types or FINALIZE in found.event_types
    return resources.are_same(found.topic, topic) and tells and prefix.startswith(found.prefix)
