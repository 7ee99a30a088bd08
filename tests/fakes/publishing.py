"""A bucket, and Google's set-up side of it, in memory, for `publish` and `bootstrap`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from events import resources, subscription
from events.manifest import Content
from master.cli.google.causes import Missing
from master.cli.google.pubsub import Found, NoPermissions
from master.cli.google.storage import FINALIZE, Notifier
from master.cli.publish.folder import of_bytes
from service.reading import Read, nobody


@dataclass(slots=True)
class FakeBucket:
    """Objects that can be created once; `before` hears of each name before it is written, and may raise."""

    objects: dict[str, bytes] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    before: Callable[[str], None] = str.__len__  # type: ignore[assignment] # any function that takes a text

    def contents(self, prefix: str) -> dict[str, Content]:
        """Size and CRC32C of all objects below a prefix."""
        return {name: of_bytes(data) for name, data in self.objects.items() if name.startswith(prefix)}

    def create_file(self, name: str, path: Path, *, moved: Read = nobody) -> Content:
        """Write a file as a new object."""
        data = path.read_bytes()
        moved(len(data))
        return self.create(name, data)

    def create(self, name: str, data: bytes) -> Content:
        """Write a new object; one that is there stays."""
        self.before(name)
        if name not in self.objects:
            self.objects[name] = data
            self.order.append(name)
        return of_bytes(self.objects[name])


@dataclass(slots=True)
class FakeSetup:
    """One project: a bucket with notifications, topics and subscriptions."""

    project: str = "p"
    bucket_project: str = "4711"
    has_bucket: bool = True
    can_notify: bool = True  # fake-gcs-server cannot
    has_permissions: bool = True  # emulators have none
    topics: set[str] = field(default_factory=set)
    publishers: set[str] = field(default_factory=set)
    notifications: list[Notifier] = field(default_factory=list)
    subscriptions: dict[str, Found] = field(default_factory=dict)

    def is_there(self) -> bool:
        return self.has_bucket

    def notifiers(self) -> list[Notifier]:
        if not self.can_notify:
            raise Missing("404 not found")
        return list(self.notifications)

    def notify(self, *, topic_path: str, prefix: str) -> None:
        self.notifications.append(Notifier(topic_path, (FINALIZE,), prefix))

    def service_agent(self) -> str:
        if not self.has_bucket:
            raise Missing("404 no such bucket")
        return f"agent@{self.bucket_project}"

    def has_topic(self, topic: str) -> bool:
        return topic in self.topics

    def make_topic(self, topic: str) -> None:
        self.topics.add(topic)

    def may_publish(self, topic: str, member: str) -> bool:
        if not self.has_permissions:
            raise NoPermissions
        if topic not in self.topics:
            raise Missing(f"{topic} not found")
        return member in self.publishers

    def let_publish(self, topic: str, member: str) -> None:
        self.publishers.add(member)

    def find(self, name: str) -> Found | None:
        return self.subscriptions.get(name)

    def subscribe(self, name: str, *, topic: str, prefix: str, days: int) -> None:
        if topic not in self.topics:
            raise Missing(f"{topic} not found")
        wanted = subscription.filter_of(prefix)
        self.subscriptions[name] = Found(
            resources.path("topics", topic, project=self.project), wanted, is_detached=False
        )

    def drop(self, name: str) -> None:
        del self.subscriptions[name]
