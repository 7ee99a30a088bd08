"""The settings of a subscription: Google's type to the broker's value and back.

What Pub/Sub would not take is refused here; limits and defaults are those of Google's documentation. The sentences
are near the real service's.
"""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message as Proto
from google.pubsub_v1 import types

from infra.local.pubsub.errors import InvalidArgument, OutOfRange, Unsupported
from infra.local.pubsub.filters import parse_filter
from infra.local.pubsub.names import DELETED_TOPIC, SubscriptionName, TopicName, subscription_name, topic_name
from infra.local.pubsub.resources import DeadLetterPolicy, RetryPolicy, Subscription
from infra.local.pubsub.wire import refuse_others

_DAY = 86_400.0
_DEFAULTS = Subscription(SubscriptionName(""), TopicName(""))
_MUTABLE = {
    "ack_deadline_seconds",
    "dead_letter_policy",
    "expiration_policy",
    "labels",
    "message_retention_duration",
    "retry_policy",
}
_SUBSCRIPTION_FIELDS = _MUTABLE | {"name", "topic", "filter", "push_config"}


def read_subscription(request: types.Subscription) -> Subscription:
    """Accept the settings of a subscription; what is not set gets Google's default."""
    name = subscription_name(request.name)
    topic = DELETED_TOPIC if request.topic == DELETED_TOPIC else topic_name(request.topic)
    refuse_others(types.Subscription.pb(request), _SUBSCRIPTION_FIELDS)
    if types.PushConfig.pb(request.push_config).ListFields():
        raise Unsupported("The embedded Pub/Sub server delivers by pull only; leave push_config empty.")
    retention = _retention(request)
    return Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=_ack_deadline(request.ack_deadline_seconds),
        retention_seconds=retention,
        ttl_seconds=_ttl(request, retention),
        retry=_retry(request),
        dead_letter=_dead_letter(request),
        filter=parse_filter(request.filter) if request.filter else None,
        labels=dict(request.labels),
    )


def read_update(request: types.UpdateSubscriptionRequest, old: Subscription) -> Subscription:
    """Accept new settings for a subscription: the fields in the mask come from the request, the others stay."""
    raw = types.UpdateSubscriptionRequest.pb(request)
    if not raw.update_mask.paths:
        raise InvalidArgument("The update_mask in the UpdateSubscriptionRequest must be set, and must not be empty.")
    for path in raw.update_mask.paths:
        _check_mutable(path)
    merged = write_subscription(old)
    raw.update_mask.MergeMessage(raw.subscription, types.Subscription.pb(merged), True, True)  # noqa: FBT003  # replace, not add
    return read_subscription(merged)


def write_subscription(rules: Subscription) -> types.Subscription:
    """Show a subscription with all its settings."""
    shown = types.Subscription(
        name=rules.name,
        topic=rules.topic,
        ack_deadline_seconds=rules.ack_deadline_seconds,
        message_retention_duration=_duration(rules.retention_seconds),
        expiration_policy=types.ExpirationPolicy(),
        labels=dict(rules.labels),
        filter=rules.filter.text if rules.filter else "",
        state=types.Subscription.State.ACTIVE,
    )
    if rules.ttl_seconds is not None:
        shown.expiration_policy = types.ExpirationPolicy(ttl=_duration(rules.ttl_seconds))
    if rules.retry:
        shown.retry_policy = types.RetryPolicy(
            minimum_backoff=_duration(rules.retry.minimum_seconds),
            maximum_backoff=_duration(rules.retry.maximum_seconds),
        )
    if rules.dead_letter:
        shown.dead_letter_policy = types.DeadLetterPolicy(
            dead_letter_topic=rules.dead_letter.topic, max_delivery_attempts=rules.dead_letter.max_attempts
        )
    return shown


def _check_mutable(path: str) -> None:
    known = {field.name for field in types.Subscription.pb().DESCRIPTOR.fields}
    where = "Invalid update_mask provided in the UpdateSubscriptionRequest"
    if path not in known:
        raise InvalidArgument(f"{where}: {path} is not a known Subscription field.")
    if path not in _MUTABLE:
        raise InvalidArgument(f"{where}: the {path} field in the Subscription is not mutable.")


def _ack_deadline(seconds: int) -> int:
    if seconds and not 10 <= seconds <= 600:
        raise InvalidArgument(f"Invalid ack deadline given (ack_deadline_seconds={seconds}): 10 to 600 are allowed.")
    return seconds or _DEFAULTS.ack_deadline_seconds


def _retention(request: types.Subscription) -> float:
    seconds = _seconds(types.Subscription.pb(request), "message_retention_duration", _DEFAULTS.retention_seconds)
    if not 600 <= seconds <= 31 * _DAY:
        raise InvalidArgument(f"message_retention_duration out of bounds: {seconds:g}s, from 600s to 31 days.")
    return seconds


def _ttl(request: types.Subscription, retention: float) -> float | None:
    if "expiration_policy" not in request:
        return _DEFAULTS.ttl_seconds
    if "ttl" not in request.expiration_policy:
        return None
    seconds = _seconds(types.ExpirationPolicy.pb(request.expiration_policy), "ttl", 0.0)
    if seconds < max(_DAY, retention):
        raise InvalidArgument(
            f"expiration_policy.ttl is too small: {seconds:g}s. It must be at least one day and not less than "
            f"message_retention_duration, which is {retention:g}s."
        )
    return seconds


def _retry(request: types.Subscription) -> RetryPolicy | None:
    if "retry_policy" not in request:
        return None
    policy = types.RetryPolicy.pb(request.retry_policy)
    minimum = _seconds(policy, "minimum_backoff", 10.0)
    maximum = _seconds(policy, "maximum_backoff", 600.0)
    if not 0 <= minimum <= maximum <= 600:
        raise InvalidArgument(
            f"The backoff of a retry policy goes from a minimum to a maximum between 0s and 600s, "
            f"not from {minimum:g}s to {maximum:g}s."
        )
    return RetryPolicy(minimum, maximum)


def _dead_letter(request: types.Subscription) -> DeadLetterPolicy | None:
    if "dead_letter_policy" not in request:
        return None
    attempts = request.dead_letter_policy.max_delivery_attempts or 5
    if not 5 <= attempts <= 100:
        raise OutOfRange(f"max_delivery_attempts must be between 5 and 100, not {attempts}.")
    return DeadLetterPolicy(topic_name(request.dead_letter_policy.dead_letter_topic), attempts)


def _seconds(raw: Proto, field: str, default: float) -> float:
    if not raw.HasField(field):
        return default
    duration: Duration = getattr(raw, field)
    return duration.seconds + duration.nanos / 1e9


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
