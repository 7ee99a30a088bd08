"""The gRPC service `google.pubsub.v1.Subscriber`: subscriptions, pull, acknowledgements; streams are in `streaming`."""

import itertools
from collections.abc import AsyncIterator

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from infra.local.pubsub.backlog import Claim
from infra.local.pubsub.calls import Codec, Desk, at_once, in_time, page, refuse
from infra.local.pubsub.errors import InvalidArgument, Refused
from infra.local.pubsub.names import project_name, subscription_name
from infra.local.pubsub.rules import read_subscription, read_update, write_subscription
from infra.local.pubsub.streaming import pull_stream
from infra.local.pubsub.wire import read_ack_numbers, read_extension, write_delivery

_MAX_PULL_WAIT_SECONDS = 20.0
_MAX_PULL_MESSAGES = 1000


class Subscriber:
    """Answers the calls of subscribers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._holders = (f"holder-{number}" for number in itertools.count(1))

    def create_subscription(self, request: types.Subscription) -> types.Subscription:
        """Add a subscription."""
        rules = read_subscription(request)
        self._desk.broker.create_subscription(rules, now=self._desk.clock.now())
        return write_subscription(rules)

    def get_subscription(self, request: types.GetSubscriptionRequest) -> types.Subscription:
        """Show a subscription."""
        name = subscription_name(request.subscription)
        return write_subscription(self._desk.broker.subscription(name, now=self._desk.clock.now()))

    def update_subscription(self, request: types.UpdateSubscriptionRequest) -> types.Subscription:
        """Change those settings of a subscription that the mask names."""
        now = self._desk.clock.now()
        old = self._desk.broker.subscription(subscription_name(request.subscription.name), now=now)
        rules = read_update(request, old)
        self._desk.broker.update_subscription(rules, now=now)
        return write_subscription(rules)

    def list_subscriptions(self, request: types.ListSubscriptionsRequest) -> types.ListSubscriptionsResponse:
        """Show the subscriptions of a project, page by page."""
        project = project_name(request.project)
        found = self._desk.broker.subscriptions(project, now=self._desk.clock.now())
        shown, token = page(found, lambda rules: rules.name, size=request.page_size, token=request.page_token)
        return types.ListSubscriptionsResponse(
            subscriptions=[write_subscription(rules) for rules in shown], next_page_token=token
        )

    def delete_subscription(self, request: types.DeleteSubscriptionRequest) -> Empty:
        """Remove a subscription with its messages; its streams end."""
        name = subscription_name(request.subscription)
        self._desk.broker.delete_subscription(name, now=self._desk.clock.now())
        return Empty()

    def acknowledge(self, request: types.AcknowledgeRequest) -> Empty:
        """Be done with messages."""
        name = subscription_name(request.subscription)
        if not request.ack_ids:
            raise InvalidArgument("No ack ids specified.")
        now = self._desk.clock.now()
        self._desk.broker.subscription(name, now=now)
        self._desk.broker.acknowledge(name, read_ack_numbers(name, request.ack_ids), now=now)
        return Empty()

    def modify_ack_deadline(self, request: types.ModifyAckDeadlineRequest) -> Empty:
        """Move the deadlines of messages; 0 seconds bring them back at once."""
        name = subscription_name(request.subscription)
        if not request.ack_ids:
            raise InvalidArgument("No ack ids specified.")
        now = self._desk.clock.now()
        self._desk.broker.subscription(name, now=now)
        numbers, seconds = read_ack_numbers(name, request.ack_ids), read_extension(request.ack_deadline_seconds)
        self._desk.broker.extend(name, numbers, seconds=seconds, now=now)
        return Empty()

    async def pull(self, request: types.PullRequest, context: grpc.aio.ServicerContext) -> types.PullResponse:
        """Hand messages out; wait for the first one until shortly before the caller gives up."""
        name = subscription_name(request.subscription)
        if request.max_messages <= 0:
            raise InvalidArgument("No max_messages specified")
        broker, now = self._desk.broker, self._desk.clock.now()
        rules = broker.subscription(name, now=now)
        messages = min(request.max_messages, _MAX_PULL_MESSAGES)
        claim = Claim(next(self._holders), rules.ack_deadline_seconds, max_messages=messages)
        end = now if request.return_immediately else now + _wait_seconds(context)
        while not (batch := broker.take(name, claim, now=now)) and now < end:
            change = min(broker.next_change(name, now=now), end)
            await self._desk.bells.wait(name, seconds=change - now)
            now = self._desk.clock.now()
        return types.PullResponse(received_messages=[write_delivery(delivery, rules) for delivery in batch])

    async def streaming_pull(
        self, requests: AsyncIterator[types.StreamingPullRequest], context: grpc.aio.ServicerContext
    ) -> None:
        """Hand messages out as they come, until the subscriber or its subscription is gone."""
        try:
            await pull_stream(self._desk, next(self._holders), requests, context)
        except Refused as refusal:
            await refuse(context, refusal)

    def service(self) -> grpc.GenericRpcHandler:
        """Give the service to a gRPC server."""
        subscription, empty = types.Subscription.serialize, Empty.SerializeToString
        subscriptions = types.ListSubscriptionsResponse.serialize
        methods = {
            "CreateSubscription": at_once(
                self.create_subscription, Codec(types.Subscription.deserialize, subscription)
            ),
            "GetSubscription": at_once(
                self.get_subscription, Codec(types.GetSubscriptionRequest.deserialize, subscription)
            ),
            "UpdateSubscription": at_once(
                self.update_subscription, Codec(types.UpdateSubscriptionRequest.deserialize, subscription)
            ),
            "ListSubscriptions": at_once(
                self.list_subscriptions, Codec(types.ListSubscriptionsRequest.deserialize, subscriptions)
            ),
            "DeleteSubscription": at_once(
                self.delete_subscription, Codec(types.DeleteSubscriptionRequest.deserialize, empty)
            ),
            "Acknowledge": at_once(self.acknowledge, Codec(types.AcknowledgeRequest.deserialize, empty)),
            "ModifyAckDeadline": at_once(
                self.modify_ack_deadline, Codec(types.ModifyAckDeadlineRequest.deserialize, empty)
            ),
            "Pull": in_time(self.pull, Codec(types.PullRequest.deserialize, types.PullResponse.serialize)),
            "StreamingPull": grpc.stream_stream_rpc_method_handler(
                self.streaming_pull,
                types.StreamingPullRequest.deserialize,
                types.StreamingPullResponse.serialize,
            ),
        }
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", methods)


def _wait_seconds(context: grpc.aio.ServicerContext) -> float:
    remaining: float | None = context.time_remaining()
    return _MAX_PULL_WAIT_SECONDS if remaining is None else min(_MAX_PULL_WAIT_SECONDS, 0.9 * remaining)
