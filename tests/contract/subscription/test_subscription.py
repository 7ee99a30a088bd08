"""The puller's subscription against Google's emulator and the embedded server."""

from collections.abc import Callable
from dataclasses import replace

from google.pubsub_v1 import types

from tests.contract.subscription.conftest import Listener, Server
from tests.support.stack import eventually

MakeListener = Callable[..., Listener]
FINALIZE = {"eventType": "OBJECT_FINALIZE", "bucketId": "models", "objectId": "m/1/a", "objectGeneration": "1"}


async def test_it_makes_its_subscription_and_receives(server: Server, listener: MakeListener) -> None:
    """A node that never ran before has its subscription made and is told of what is published from then on."""
    topic = server.backend.topic()
    node = listener(topic, prefix="models/")
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
        server.backend.publish(topic, "", **{**FINALIZE, "objectId": "models/m/1/a"})
        await eventually(lambda: node.received)
    assert node.received[0]["objectId"] == "models/m/1/a"
    made = server.backend.subscriber.get_subscription(subscription=node.names.path)
    assert made.filter == 'attributes.eventType = "OBJECT_FINALIZE" AND hasPrefix(attributes.objectId, "models/")'
    assert made.expiration_policy.ttl.days == 31
    assert node.gaps == 1


async def test_what_was_taken_is_acked(server: Server, listener: MakeListener) -> None:
    """A message that was received is not delivered again to the next run of the same node."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
        server.backend.publish(topic, "", **FINALIZE)
        await eventually(lambda: node.received)
        server.backend.publish(topic, "", **{**FINALIZE, "objectId": "m/1/b"})
        await eventually(lambda: len(node.received) == 2)
    async with node.listening():
        server.backend.publish(topic, "", **{**FINALIZE, "objectId": "m/1/c"})
        await eventually(lambda: node.received[-1]["objectId"] == "m/1/c")
    assert [message["objectId"] for message in node.received].count("m/1/a") == 1


async def test_messages_wait_while_the_node_is_away(server: Server, listener: MakeListener) -> None:
    """What is published while the node is down is delivered when it comes back, through the same subscription."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
    server.backend.publish(topic, "", **FINALIZE)
    async with node.listening():
        await eventually(lambda: node.received)


async def test_a_missing_topic_is_told_and_waited_for(server: Server, listener: MakeListener) -> None:
    """Without its topic the node says which one is missing, and connects by itself once it is there."""
    topic = server.backend.topic()
    server.backend.publisher.delete_topic(topic=topic)
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: f"topic {topic} does not exist" in node.link.state.reason)
        server.backend.publisher.create_topic(name=topic)
        await eventually(lambda: node.link.state.is_connected)


async def test_a_deleted_subscription_is_made_again(server: Server, listener: MakeListener) -> None:
    """A subscription that vanishes under the stream is made again, and a gap is told: the bucket is looked at."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
        server.backend.subscriber.delete_subscription(subscription=node.names.path)
        node.subscription.renew("the test says so")
        await eventually(lambda: node.gaps == 2)
        server.backend.publish(topic, "", **FINALIZE)
        await eventually(lambda: node.received)


async def test_a_restarted_server_is_found_again(server: Server, listener: MakeListener) -> None:
    """When Pub/Sub dies and comes back with nothing but the topic, the subscription is made anew and works."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
        server.child.kill()
        await eventually(lambda: not node.link.state.is_connected)
        assert node.names.path in node.link.state.reason
        server.child.start()
        server.backend.publisher.create_topic(name=topic)
        await eventually(lambda: node.link.state.is_connected)
        assert node.gaps == 2
        server.backend.publish(topic, "", **FINALIZE)
        await eventually(lambda: node.received)


async def test_a_subscription_of_a_deleted_topic_is_replaced(server: Server, listener: MakeListener) -> None:
    """A topic that was deleted and made again leaves a subscription that hears nothing; it is replaced."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
    server.backend.publisher.delete_topic(topic=topic)
    server.backend.publisher.create_topic(name=topic)
    async with node.listening():
        await eventually(lambda: node.gaps == 2)
        server.backend.publish(topic, "", **FINALIZE)
        await eventually(lambda: node.received)


async def test_a_name_that_is_taken_by_another_topic_is_refused(server: Server, listener: MakeListener) -> None:
    """A subscription of another topic is left alone, and the reason says what to correct."""
    topic, other = server.backend.topic(), server.backend.topic()
    node = listener(topic)
    server.backend.subscriber.create_subscription(request=types.Subscription(name=node.names.path, topic=other))
    async with node.listening():
        await eventually(lambda: f"belongs to {other}" in node.link.state.reason)
    assert server.backend.subscriber.get_subscription(subscription=node.names.path).topic == other


async def test_an_own_subscription_with_an_old_prefix_is_replaced(server: Server, listener: MakeListener) -> None:
    """Filters cannot be changed, so a new prefix means a new subscription."""
    topic = server.backend.topic()
    old = listener(topic, prefix="old/")
    async with old.listening():
        await eventually(lambda: old.link.state.is_connected)
    new = Listener(replace(old.names, prefix="new/"))
    async with new.listening():
        await eventually(lambda: new.link.state.is_connected)
        made = server.backend.subscriber.get_subscription(subscription=new.names.path)
    assert '"new/"' in made.filter


async def test_a_flood_is_taken_and_acked(server: Server, listener: MakeListener) -> None:
    """Two thousand messages at once all arrive, while the event loop goes on."""
    topic = server.backend.topic()
    node = listener(topic)
    async with node.listening():
        await eventually(lambda: node.link.state.is_connected)
        futures = [
            server.backend.publisher.publish(topic, b"", **{**FINALIZE, "objectId": f"m/1/{number}"})
            for number in range(2000)
        ]
        for future in futures:
            future.result(30)
        await eventually(lambda: len({message["objectId"] for message in node.received}) == 2000)
