"""One attacked cluster for the tests of a file: whatever one of them does to it, the next ones must find it well."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bench.meter import peak_memory_mib
from infra.local import parts
from infra.local.bucket import Bucket, make_topic
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from tests.attack import cluster as clusters
from tests.attack.cluster import Cluster
from tests.support.stack import GcsServer, PubSubServer


@pytest.fixture(scope="module")
def cluster(supervisor: Supervisor, pubsub_server: PubSubServer) -> Iterator[Cluster]:
    with ExitStack() as closing:
        gcs = _bucket(supervisor, pubsub_server, closing)
        started = clusters.start(supervisor, gcs)
        yield started
        for _, child in started.services:
            peak = peak_memory_mib(child.pid) if child.exit_code is None else 0
            sys.stdout.write(f"\n----- {child.name}: {peak:.0f} MiB at most\n{child.tail()}\n")  # shown after a failure
        clusters.stop(supervisor, started)


def _bucket(supervisor: Supervisor, pubsub: PubSubServer, closing: ExitStack) -> GcsServer:
    """Start a bucket that lives as long as the cluster."""
    port, project, topic = supervisor.ports.reserve(), f"attack-{supervisor.ports.reserve()}", "uploads"
    url = f"http://{LOOPBACK}:{port}"
    make_topic(pubsub.address, project=project, topic=topic)
    events = parts.Events(pubsub.port, project, topic)
    child = supervisor.start(parts.gcs(supervisor.new_folder("gcs"), port, events=events, in_memory=True))
    closing.callback(supervisor.stop, child)
    bucket = closing.enter_context(Bucket(url, name="models", project=project))
    bucket.create()
    return GcsServer(url, child, bucket, project, topic, pubsub.address)
