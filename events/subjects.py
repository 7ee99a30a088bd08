"""Every NATS subject, stream and bucket in one table.

A node or model name may hold dots, which separate the tokens of a subject and of a key; `token` writes them so that
one name is always one token. '=' cannot stand in a name, so no two names share a token.
"""

import hashlib

from events.names import ModelName, NodeName, Version

About = tuple[ModelName | None, Version | None]
NOTHING: About = (None, None)
MAX_CONSUMER = 128  # characters of a node's name; JetStream takes 255 for all of it, and makes file names of it
PREFIX = "mm.v1"

EVENTS = f"{PREFIX}.event"  # mm.v1.event.<node>.<service>.<type>.<model>.<version>: CloudEvents, kept by the stream
AUDIT = f"{PREFIX}.audit"  # mm.v1.audit.<node>.master.<type>.<model>._: what people had done; masters alone say it
HINT = f"{PREFIX}.hint"  # a peer says: look at this model now; not kept
CRASH = f"{PREFIX}.crash"  # a configurator says: these versions took TensorFlow Serving down here; not kept
RETENTION_REQUEST = f"{PREFIX}.retention"  # mm.v1.retention.<node>: the puller asks its configurator for room; not kept
INBOX = "_INBOX"  # _INBOX.<service>.<node>.<anything>: what NATS itself answers; each service hears its own alone
ANSWER = f"{PREFIX}.answer"  # mm.v1.answer.<secret>.<place>: what nodes answer to a master's command
COMMAND = f"{PREFIX}.cmd"  # mm.v1.cmd.<node>.<service>.<command>: a request; "_all" in place of a node asks every node
ALL_NODES = "_all"
CLUSTER = "_cluster"  # mm.v1.cmd._cluster.master.<command>: a request to the cluster, answered by one of the masters
NOT_ANY = "_"  # in an event's subject where it is about no model, or about none of its versions

EVENT_STREAM = "MM_EVENTS"  # and what the next one has, copied by NATS itself, so that one look shows all
AUDIT_STREAM = "MM_AUDIT"  # the record
MASTER = "master"
DESIRED_BUCKET = "mm_desired"  # key: <model>
REQUEST_BUCKET = "mm_requests"  # key: hash of who asked and its idempotency key; goes after a day
STATUS_BUCKET = "mm_status"  # key: <node>.<service>
PRESENCE_BUCKET = "mm_presence"  # key: <node>.<service>; goes by itself, with a marker, when a service stops beating
PULLERS_PRESENCE = f"$KV.{PRESENCE_BUCKET}.*.puller"  # the signs of life of all pullers


def token(name: str) -> str:
    """Write a name as one token of a subject or key."""
    return name.replace(".", "=2E")


def name(token: str) -> str:
    """Read back the name that `token` wrote."""
    return token.replace("=2E", ".")


def event(node: NodeName, service: str, event_type: str, about: About = NOTHING) -> str:
    """The subject of an event; a type has two tokens. What a master says is the audit."""
    model, version = about
    last = NOT_ANY if version is None else version
    return f"{head(node, service, event_type)}.{token(model) if model else NOT_ANY}.{last}"


def events(node: NodeName | None = None, service: str | None = None, event_type: str | None = None) -> str:
    """The pattern of subjects of these events; what is None does not matter. Masters' are apart from all others."""
    (pattern,) = events_about(None, of=head(node, service, event_type))
    return pattern


def events_about(model: ModelName | None, version: Version | None = None, *, of: str) -> tuple[str, ...]:
    """The patterns of subjects of what is about a model, or one version of it, or anything; `of` is what `head` gives.

    The release before wrote no version there: its events of a model are among those of any version.
    """
    if model is None:
        return (f"{of}.>",)
    return f"{of}.{token(model)}", f"{of}.{token(model)}.{'*' if version is None else version}"


def head(node: NodeName | None = None, service: str | None = None, event_type: str | None = None) -> str:
    """The beginning of the subjects of such events: all but what they are about."""
    kept = AUDIT if service == MASTER else EVENTS
    return ".".join((kept, token(node) if node else "*", service or "*", event_type or "*.*"))


def source(subject: str) -> tuple[NodeName, str]:
    """Read out of an event's subject whose it is: the node and its service."""
    node, service = subject.split(".")[3:5]
    return NodeName(name(node)), service


def event_type(subject: str) -> str:
    """Read the type out of an event's subject."""
    return ".".join(subject.split(".")[5:7])


def retention_request(node: NodeName) -> str:
    """The subject on which a node's puller asks for disk space."""
    return f"{RETENTION_REQUEST}.{token(node)}"


def inbox(node: NodeName, service: str) -> str:
    """The prefix of the subjects on which a service is answered."""
    return f"{INBOX}.{service}.{token(node)}"


def answers(secret: str) -> str:
    """The prefix of the subjects on which a master is answered one command."""
    return f"{ANSWER}.{secret}"


def may_be_answered(reply: str) -> bool:
    """Tell whether a request asks for its answer where answers belong: never on a key or a command's subject."""
    return reply.startswith((f"{INBOX}.", f"{ANSWER}."))


def desired_key(model: ModelName) -> str:
    """The key of a model's desired state."""
    return token(model)


def status_key(node: NodeName, service: str) -> str:
    """The key of a service's status."""
    return f"{token(node)}.{service}"


def consumer(node: NodeName, service: str) -> str:
    """The name of the one consumer through which a node's service watches desired state."""
    name = token(node)
    return f"{name if len(name) <= MAX_CONSUMER else hashlib.sha256(name.encode()).hexdigest()}-{service}"


def command(node: NodeName | None, service: str, name: str) -> str:
    """The subject of a command to one node's service, or to that service on every node."""
    return f"{COMMAND}.{token(node) if node else ALL_NODES}.{service}.{name}"


def cluster_command(name: str) -> str:
    """The subject of a command to the cluster, which one of the masters answers."""
    return f"{COMMAND}.{CLUSTER}.master.{name}"
