"""The gRPC service `google.pubsub.v1.Publisher`: topics, and publishing to them."""

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from infra.local.pubsub.calls import Codec, Desk, at_once, page
from infra.local.pubsub.names import project_name, topic_name
from infra.local.pubsub.wire import read_drafts, read_topic, write_topic


class Publisher:
    """Answers the calls of publishers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def create_topic(self, request: types.Topic) -> types.Topic:
        """Add a topic."""
        topic = read_topic(request)
        self._desk.broker.create_topic(topic)
        return write_topic(topic)

    def get_topic(self, request: types.GetTopicRequest) -> types.Topic:
        """Show a topic."""
        return write_topic(self._desk.broker.topic(topic_name(request.topic)))

    def list_topics(self, request: types.ListTopicsRequest) -> types.ListTopicsResponse:
        """Show the topics of a project, page by page."""
        topics = self._desk.broker.topics(project_name(request.project))
        shown, token = page(topics, lambda topic: topic.name, size=request.page_size, token=request.page_token)
        return types.ListTopicsResponse(topics=[write_topic(topic) for topic in shown], next_page_token=token)

    def list_subscriptions(self, request: types.ListTopicSubscriptionsRequest) -> types.ListTopicSubscriptionsResponse:
        """Name the subscriptions of a topic, page by page."""
        names = self._desk.broker.subscriptions_of(topic_name(request.topic), now=self._desk.clock.now())
        shown, token = page(names, str, size=request.page_size, token=request.page_token)
        return types.ListTopicSubscriptionsResponse(subscriptions=shown, next_page_token=token)

    def delete_topic(self, request: types.DeleteTopicRequest) -> Empty:
        """Remove a topic; its subscriptions stay."""
        self._desk.broker.delete_topic(topic_name(request.topic))
        return Empty()

    def publish(self, request: types.PublishRequest) -> types.PublishResponse:
        """Take messages in and give them ids."""
        topic, drafts = topic_name(request.topic), read_drafts(request)
        ids = self._desk.broker.publish(topic, drafts, now=self._desk.clock.now())
        return types.PublishResponse(message_ids=ids)

    def service(self) -> grpc.GenericRpcHandler:
        """Give the service to a gRPC server."""
        topic = types.Topic.serialize
        topics = types.ListTopicsResponse.serialize
        subscriptions = types.ListTopicSubscriptionsResponse.serialize
        methods = {
            "CreateTopic": at_once(self.create_topic, Codec(types.Topic.deserialize, topic)),
            "GetTopic": at_once(self.get_topic, Codec(types.GetTopicRequest.deserialize, topic)),
            "ListTopics": at_once(self.list_topics, Codec(types.ListTopicsRequest.deserialize, topics)),
            "ListTopicSubscriptions": at_once(
                self.list_subscriptions, Codec(types.ListTopicSubscriptionsRequest.deserialize, subscriptions)
            ),
            "DeleteTopic": at_once(
                self.delete_topic, Codec(types.DeleteTopicRequest.deserialize, Empty.SerializeToString)
            ),
            "Publish": at_once(self.publish, Codec(types.PublishRequest.deserialize, types.PublishResponse.serialize)),
        }
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", methods)
