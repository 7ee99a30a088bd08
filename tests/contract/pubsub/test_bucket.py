"""The way of a real upload: the GCS server publishes to Pub/Sub, and a subscriber hears of it."""

import json
from uuid import uuid4

from infra.local import parts
from infra.local.bucket import Bucket
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from tests.support.pubsub import PROJECT, Backend


def test_an_upload_reaches_a_subscriber(pubsub: Backend, supervisor: Supervisor) -> None:
    """A finished upload arrives as OBJECT_FINALIZE with its name, generation and checksum."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    port, bucket_name = supervisor.ports.reserve(), f"b-{uuid4().hex[:12]}"
    events = parts.Events(int(pubsub.address.split(":")[1]), PROJECT, topic.rpartition("/")[2])
    child = supervisor.start(parts.gcs(supervisor.new_folder("gcs"), port, events=events))
    with Bucket(f"http://{LOOPBACK}:{port}", name=bucket_name, project=PROJECT) as bucket:
        bucket.create()
        bucket.write("models/m/1/saved_model.pb", b"graph")
        (received,) = pubsub.pull(name, 1)
    supervisor.stop(child)
    attributes = dict(received.message.attributes)
    assert (attributes["eventType"], attributes["bucketId"]) == ("OBJECT_FINALIZE", bucket_name)
    assert attributes["objectId"] == "models/m/1/saved_model.pb"
    described = json.loads(received.message.data)
    assert described["generation"] == attributes["objectGeneration"]
    assert described["crc32c"]
