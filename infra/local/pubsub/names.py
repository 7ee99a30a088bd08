"""Resource names of Pub/Sub, checked once at the edge; after that nobody checks them again."""

import re
from typing import NewType

from infra.local.pubsub.errors import InvalidArgument

ProjectName = NewType("ProjectName", str)
TopicName = NewType("TopicName", str)
SubscriptionName = NewType("SubscriptionName", str)

DELETED_TOPIC = TopicName("_deleted-topic_")

_ID = r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}"
_TOPIC = re.compile(rf"projects/[^/]+/topics/{_ID}")
_SUBSCRIPTION = re.compile(rf"projects/[^/]+/subscriptions/{_ID}")
_PROJECT = re.compile(r"projects/[^/]+")


def topic_name(text: str) -> TopicName:
    """Accept the full name of a topic."""
    if not _TOPIC.fullmatch(text):
        raise InvalidArgument(f"Invalid [topics] name: (name={text})")
    return TopicName(text)


def subscription_name(text: str) -> SubscriptionName:
    """Accept the full name of a subscription."""
    if not _SUBSCRIPTION.fullmatch(text):
        raise InvalidArgument(f"Invalid [subscriptions] name: (name={text})")
    return SubscriptionName(text)


def project_name(text: str) -> ProjectName:
    """Accept the full name of a project."""
    if not _PROJECT.fullmatch(text):
        raise InvalidArgument(f"Invalid [projects] name: (name={text})")
    return ProjectName(text)


def short_name(name: str) -> str:
    """Give the last part of a name, as Google's errors do."""
    return name.rpartition("/")[2]


def project_id(name: TopicName | SubscriptionName) -> str:
    """Give the project a resource belongs to, without its `projects/`."""
    return name.split("/", 2)[1]
