"""The servers around the nodes, each as a command: NATS, the GCS server, Pub/Sub, the master."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from infra.local import programs
from infra.local.child import Command
from infra.local.ports import LOOPBACK
from infra.local.ready import grpc_ready, http_ok

NATS_CONFIG = """\
host: {host}
port: {port}
http: "{host}:{monitor}"
server_name: embedded
max_payload: 8MB
jetstream {{ store_dir: "{store}", max_file_store: 1GB, limits {{ default_max_consumers: 100000 }} }}
"""


class PubSubKind(StrEnum):
    """Which Pub/Sub server: Google's emulator, our embedded one, or Google's where it is."""

    GOOGLE = "google"
    EMBEDDED = "embedded"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Events:
    """Where the GCS server publishes what happens to objects."""

    pubsub_port: int
    project: str
    topic: str


def nats(folder: Path, port: int, monitor: int, *, host: str = LOOPBACK) -> Command:
    """The real NATS server with JetStream; `monitor` is its own HTTP port, which says when JetStream is up."""
    config = folder / "nats.conf"
    config.write_text(NATS_CONFIG.format(host=host, port=port, monitor=monitor, store=folder / "jetstream"))
    argv = (str(programs.nats_server()), "--config", str(config))
    return Command("nats", argv, ready=http_ok(monitor, "/healthz", host=host))


def gcs(folder: Path, port: int, *, events: Events, in_memory: bool = False, host: str = LOOPBACK) -> Command:
    """The GCS server; it publishes every change of an object to the topic, which must exist before the first upload.

    In memory it loses its objects with a restart, and lists fast: on disk, each list reads the whole bucket.
    """
    url = f"http://{host}:{port}"
    flags = {
        "scheme": "http",
        "host": host,
        "port": str(port),
        "public-host": f"{host}:{port}",
        "external-url": url,
        "backend": "memory" if in_memory or not keeps_attributes(folder) else "filesystem",
        "filesystem-root": str(folder),
        "event.pubsub-project-id": events.project,
        "event.pubsub-topic": events.topic,
        "event.list": "finalize,delete,metadataUpdate",
    }
    argv = (str(programs.gcs_server()), *(word for name, value in flags.items() for word in (f"-{name}", value)))
    return Command(
        "gcs",
        argv,
        ready=http_ok(port, "/_internal/healthcheck", host=host),
        environment={"PUBSUB_EMULATOR_HOST": f"{LOOPBACK}:{events.pubsub_port}"},
    )


def pubsub(kind: PubSubKind, port: int) -> Command:
    """Google's Pub/Sub emulator, or the embedded server where it is asked for or the emulator cannot run."""
    google = None if kind is PubSubKind.EMBEDDED else programs.google_pubsub_emulator()
    if google is not None:
        return Command("pubsub", (str(google), f"--host={LOOPBACK}", f"--port={port}"), ready=grpc_ready(port))
    if kind is PubSubKind.GOOGLE:
        raise programs.MissingProgram(
            "Google's Pub/Sub emulator or Java is missing; install google-cloud-cli-pubsub-emulator and a Java runtime,"
            " or choose --pubsub embedded"
        )
    argv = (str(programs.python()), "-m", "infra.local.pubsub", "--host", LOOPBACK, "--port", str(port))
    return Command("pubsub", argv, ready=grpc_ready(port))


def master(port: int, settings: Mapping[str, str]) -> Command:
    """The master, ready when it has seen the cluster."""
    own = {"MM_HTTP_HOST": LOOPBACK, "MM_HTTP_PORT": str(port), "MM_LOG_FORMAT": "text"}
    argv = (str(programs.python()), "-m", "master")
    return Command(
        "master", argv, ready=http_ok(port, "/readyz"), environment={"MM_NODE": "master-1", **settings, **own}
    )


def keeps_attributes(folder: Path) -> bool:
    """Whether files here carry user attributes, in which the GCS server keeps generation and checksums."""
    try:
        os.setxattr(folder, "user.probe", b"1")
        os.removexattr(folder, "user.probe")
    except OSError:
        return False
    return True
