"""The topic of a bucket's notifications and the nodes' subscriptions, with Google's client."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypedDict

import grpc
from google.api_core.exceptions import AlreadyExists, MethodNotImplemented, NotFound
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from events import resources, subscription
from master.cli.google.causes import google_errors
from service import google_access


class _Call(TypedDict):
    timeout: float
    retry: None


SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CALL_SECONDS = 10.0
# No retries: whoever runs a command can run it again, and would rather hear at once what is wrong.
_ONCE: Final[_Call] = {"timeout": CALL_SECONDS, "retry": None}
PUBLISHER_ROLE = "roles/pubsub.publisher"
DAY = 86400


class NoPermissions(Exception):
    """This is an emulator: it has no permissions."""


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription as it is."""

    topic: str
    filter: str
    is_detached: bool


class PubSub:
    """One project's topics and subscriptions."""

    def __init__(self, publisher: PublisherClient, subscriber: SubscriberClient, *, project: str) -> None:
        self.project = project
        self._publisher = publisher
        self._subscriber = subscriber

    def topic_path(self, topic: str) -> str:
        """A topic as Pub/Sub names it."""
        return resources.path("topics", topic, project=self.project)

    def has_topic(self, topic: str) -> bool:
        """Whether the topic exists."""
        with google_errors(f"cannot look at topic {topic}"):
            try:
                self._publisher.get_topic(topic=self.topic_path(topic), **_ONCE)
            except NotFound:
                return False
            return True

    def make_topic(self, topic: str) -> None:
        """Make a topic; it may be there."""
        with google_errors(f"cannot make topic {topic}"), contextlib.suppress(AlreadyExists):
            self._publisher.create_topic(name=self.topic_path(topic), **_ONCE)

    def may_publish(self, topic: str, member: str) -> bool:
        """Whether an account has the publisher's role on the topic; `NoPermissions` from an emulator."""
        return any(one.role == PUBLISHER_ROLE and member in one.members for one in self._policy(topic).bindings)

    def let_publish(self, topic: str, member: str) -> None:
        """Give an account the publisher's role on the topic."""
        policy = self._policy(topic)
        policy.bindings.append(policy_pb2.Binding(role=PUBLISHER_ROLE, members=[member]))
        with google_errors(f"cannot let {member} publish to topic {topic}"):
            request = iam_policy_pb2.SetIamPolicyRequest(resource=self.topic_path(topic), policy=policy)
            self._publisher.set_iam_policy(request=request, **_ONCE)

    def lacking(self, resource: str, permissions: tuple[str, ...]) -> list[str]:
        """Which permissions the account does not have on a topic or subscription; `NoPermissions` from an emulator."""
        request = iam_policy_pb2.TestIamPermissionsRequest(resource=resource, permissions=permissions)
        with google_errors(f"cannot ask for the permissions on {resource}"), _no_permissions():
            answer = self._publisher.test_iam_permissions(request=request, **_ONCE)
        return [one for one in permissions if one not in answer.permissions]

    def subscription_path(self, name: str) -> str:
        """A subscription as Pub/Sub names it."""
        return resources.path("subscriptions", name, project=self.project)

    def find(self, name: str) -> Found | None:
        """Look at a subscription."""
        with google_errors(f"cannot look at subscription {name}"):
            try:
                path = self.subscription_path(name)
                one = self._subscriber.get_subscription(subscription=path, **_ONCE)
            except NotFound:
                return None
            return Found(one.topic, one.filter, bool(one.detached))

    def subscribe(self, name: str, *, topic: str, prefix: str, days: int) -> None:
        """Make a node's subscription as its puller would make it; it may be there."""
        low, high = subscription.RETRY_SECONDS
        wanted = types.Subscription(
            name=self.subscription_path(name),
            topic=self.topic_path(topic),
            ack_deadline_seconds=subscription.ACK_SECONDS,
            filter=subscription.filter_of(prefix),
            message_retention_duration=Duration(seconds=subscription.RETENTION_SECONDS),
            expiration_policy=types.ExpirationPolicy(ttl=Duration(seconds=days * DAY)),
            retry_policy=types.RetryPolicy(
                minimum_backoff=Duration(seconds=low), maximum_backoff=Duration(seconds=high)
            ),
        )
        with google_errors(f"cannot make subscription {name}"), contextlib.suppress(AlreadyExists):
            self._subscriber.create_subscription(request=wanted, **_ONCE)

    def drop(self, name: str) -> None:
        """Delete a subscription; it may be gone."""
        with google_errors(f"cannot delete subscription {name}"), contextlib.suppress(NotFound):
            self._subscriber.delete_subscription(subscription=self.subscription_path(name), **_ONCE)

    def _policy(self, topic: str) -> policy_pb2.Policy:
        request = iam_policy_pb2.GetIamPolicyRequest(resource=self.topic_path(topic))
        with google_errors(f"cannot read who may publish to topic {topic}"), _no_permissions():
            return self._publisher.get_iam_policy(request=request, **_ONCE)


@contextlib.contextmanager
def connect(project: str, *, emulator: str) -> Iterator[PubSub]:
    """Connect to a project's Pub/Sub; `emulator` is what PUBSUB_EMULATOR_HOST says, empty for the real one."""
    if emulator:
        with grpc.insecure_channel(emulator, options=[("grpc.enable_http_proxy", 0)]) as channel:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            yield PubSub(
                publisher, SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)), project=project
            )
        return
    with google_errors("cannot reach Pub/Sub"):
        credentials = google_access.credentials([SCOPE])
        credentials.refresh(google_access.TimedRequest())  # type: ignore[no-untyped-call] # google-auth is partly typed
    with PublisherClient(credentials=credentials) as publisher, SubscriberClient(credentials=credentials) as subscriber:
        yield PubSub(publisher, subscriber, project=project)


@contextlib.contextmanager
def _no_permissions() -> Iterator[None]:
    try:
        yield
    except MethodNotImplemented as error:  # emulators have no IAM
        raise NoPermissions from error
