"""Every NATS subject, stream and bucket in one table.

A node or model name may hold dots, which separate the tokens of a subject and of a key; `token` writes them so that
one name is always one token. '=' cannot stand in a name, so no two names share a token.
"""

from events.names import ModelName, NodeName

PREFIX = "mm.v1"

EVENTS = f"{PREFIX}.event"  # mm.v1.event.<node>.<service>.<type>: CloudEvents, kept by the stream
HINT = f"{PREFIX}.hint"  # a peer says: look at this model now; not kept
RETENTION_REQUEST = f"{PREFIX}.retention"  # mm.v1.retention.<node>: the puller asks its configurator for room; not kept
COMMAND = f"{PREFIX}.cmd"  # mm.v1.cmd.<node>.<service>.<command>: a request; "_all" in place of a node asks every node
ALL_NODES = "_all"

EVENT_STREAM = "MM_EVENTS"
DESIRED_BUCKET = "mm_desired"  # key: <model>
STATUS_BUCKET = "mm_status"  # key: <node>.<service>
PRESENCE_BUCKET = "mm_presence"  # key: <node>.<service>; goes by itself, with a marker, when a service stops beating


def token(name: str) -> str:
    """Write a name as one token of a subject or key."""
    return name.replace(".", "=2E")


def name(token: str) -> str:
    """Read back the name that `token` wrote."""
    return token.replace("=2E", ".")


def event(node: NodeName, service: str, event_type: str) -> str:
    """The subject of an event."""
    return f"{EVENTS}.{token(node)}.{service}.{event_type}"


def retention_request(node: NodeName) -> str:
    """The subject on which a node's puller asks for disk space."""
    return f"{RETENTION_REQUEST}.{token(node)}"


def desired_key(model: ModelName) -> str:
    """The key of a model's desired state."""
    return token(model)


def status_key(node: NodeName, service: str) -> str:
    """The key of a service's status."""
    return f"{token(node)}.{service}"


def command(node: NodeName | None, service: str, name: str) -> str:
    """The subject of a command to one node's service, or to that service on every node."""
    return f"{COMMAND}.{token(node) if node else ALL_NODES}.{service}.{name}"
