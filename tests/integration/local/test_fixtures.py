"""The shared fixtures are real servers, wired to each other."""

import json

import grpc
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from nats.aio.client import Client

from infra.local.client import nats_client
from tests.support.stack import GcsServer, NatsServer


def test_an_upload_is_notified(gcs_server: GcsServer) -> None:
    """An object written to the bucket arrives as an OBJECT_FINALIZE on the topic."""
    topic, subscription = (f"projects/{gcs_server.project}/{part}" for part in ("topics/uploads", "subscriptions/test"))
    with grpc.insecure_channel(gcs_server.pubsub_address) as channel:
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        subscriber.create_subscription(name=subscription, topic=topic)
        generation = gcs_server.bucket.write("half_plus_two/1/saved_model.pb", b"bytes")
        received = subscriber.pull(subscription=subscription, max_messages=1, timeout=20).received_messages
    attributes = received[0].message.attributes
    assert attributes["eventType"] == "OBJECT_FINALIZE"
    assert attributes["objectGeneration"] == str(generation)
    assert json.loads(received[0].message.data)["name"] == "half_plus_two/1/saved_model.pb"


def test_objects_outlive_a_crash_of_the_server(gcs_server: GcsServer) -> None:
    """A killed GCS server comes back with its objects."""
    gcs_server.bucket.write("m/1/x", b"bytes")
    gcs_server.child.kill()
    gcs_server.child.start()
    assert gcs_server.bucket.names() == ["m/1/x"]
    assert gcs_server.bucket.read("m/1/x") == b"bytes"


async def test_nats_has_jetstream(nats_connection: Client) -> None:
    """The NATS server keeps key-value buckets."""
    bucket = await nats_connection.jetstream().create_key_value(bucket="mm_desired")
    await bucket.put("model", b"1")
    assert (await bucket.get("model")).value == b"1"


async def test_nats_keeps_its_store_over_a_crash(nats_server: NatsServer) -> None:
    """A killed NATS server comes back with its streams."""
    async with nats_client(nats_server.url) as client:
        await client.jetstream().create_key_value(bucket="mm_desired")
    nats_server.child.kill()
    nats_server.child.start()
    async with nats_client(nats_server.url) as client:
        await client.jetstream().key_value("mm_desired")
