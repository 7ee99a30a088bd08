"""What each role may publish and subscribe to in NATS: as little as its work needs, computed from `events.subjects`.

A node's puller and configurator speak for their own node and service alone. Answers come to an inbox that no other
user may listen to (`subjects.inbox`), and a queue group's name is part of a right, so that no node can take the
commands meant for another. Nobody has `allow_responses`: it lets a client answer wherever a message says, and a client
may send itself a message that says `$KV.mm_desired.MODEL`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from events import messages, subjects
from events.names import NodeName

ANY_NODE = NodeName("*")  # no node can be called so; rights for it are those of every node at once
API = "$JS.API"
WORKERS = ("puller", "configurator")
BUCKETS = tuple(
    f"KV_{name}"
    for name in (
        subjects.DESIRED_BUCKET,
        subjects.STATUS_BUCKET,
        subjects.PRESENCE_BUCKET,
        subjects.REQUEST_BUCKET,
    )
)
STREAMS = (subjects.AUDIT_STREAM, subjects.EVENT_STREAM, *BUCKETS)
ANSWERS_TO_MASTERS = f"{subjects.ANSWER}.>"
ANSWERS_TO_OPERATORS = f"{subjects.INBOX}.operator.>"
KEPT_BY_NODES = (subjects.EVENT_STREAM, *(f"KV_{name}" for name in (subjects.DESIRED_BUCKET, subjects.STATUS_BUCKET)))
READABLE = tuple(name for name in STREAMS if name != f"KV_{subjects.REQUEST_BUCKET}")  # whose requests are nobody's


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects that a user may publish and subscribe to.

    A subject to subscribe to may be followed by the only queue group in which that is allowed.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def puller(node: NodeName) -> Rights:
    """Hints to and from all; its own events, status and commands; asks its configurator for room and hears its news.

    It hears which other pullers live, for the exchange.
    """
    return _worker(
        node,
        "puller",
        publish=(subjects.HINT, subjects.retention_request(node)),
        subscribe=(subjects.HINT, subjects.events(node, "configurator"), subjects.PULLERS_PRESENCE),
    )


def configurator(node: NodeName) -> Rights:
    """Its own events, status and commands; hears its puller's news and its calls for room; words to and from all."""
    return _worker(
        node,
        "configurator",
        publish=(subjects.CRASH,),
        subscribe=(subjects.CRASH, subjects.retention_request(node), subjects.events(node, "puller")),
    )


def master() -> Rights:
    """Writes desired state, asks all nodes, answers the cluster's commands, reads everything, forgets lost nodes.

    Masters are equals and share one key.
    """
    return Rights(
        publish=(
            *(subjects.command(ANY_NODE, service, "*") for service in WORKERS),
            *_own_events(ANY_NODE, "master"),
            *(f"$KV.{bucket}.*" for bucket in (subjects.DESIRED_BUCKET, subjects.REQUEST_BUCKET)),
            *(f"$KV.{bucket}.*.*" for bucket in (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET)),
            f"{API}.INFO",
            *(f"{API}.STREAM.{verb}.{stream}" for verb in ("INFO", "CREATE", "MSG.GET") for stream in STREAMS),
            *(f"{API}.DIRECT.GET.{bucket}{rest}" for bucket in BUCKETS for rest in ("", ".>")),
            *(subject for stream in READABLE for subject in _consume_all(stream)),
            ANSWERS_TO_OPERATORS,
        ),
        subscribe=(
            f"{subjects.inbox(ANY_NODE, 'master')}.>",
            ANSWERS_TO_MASTERS,
            f"{subjects.cluster_command('*')} masters",
            *_discovery("master"),
        ),
    )


def operator(name: NodeName) -> Rights:
    """A person's tool: sends commands, and sees events, status and desired state; writes none of them."""
    return Rights(
        publish=(
            f"{subjects.COMMAND}.>",
            "$SRV.>",
            f"{API}.INFO",
            *(f"{API}.STREAM.{verb}" for verb in ("NAMES", "LIST")),
            *(f"{API}.STREAM.{verb}.{stream}" for verb in ("INFO", "MSG.GET") for stream in READABLE),
            *(f"{API}.DIRECT.GET.{stream}{rest}" for stream in READABLE for rest in ("", ".>")),
        ),
        subscribe=(
            f"{subjects.inbox(name, 'operator')}.>",
            f"{subjects.EVENTS}.>",
            f"{subjects.AUDIT}.>",
            subjects.HINT,
            *(f"$KV.{stream.removeprefix('KV_')}.>" for stream in READABLE if stream in BUCKETS),
        ),
    )


def admin() -> Rights:
    """Whoever sets JetStream up, backs it up and restores it: all of its API, and nothing else."""
    return Rights(publish=(f"{API}.>", "$JS.SNAPSHOT.>"), subscribe=(f"{subjects.inbox(ANY_NODE, 'admin')}.>",))


def site(nodes: Iterable[NodeName]) -> Rights:
    """A remote site's own server, as a leaf of ours: what its nodes may.

    Of queue groups a leaf's rights can say nothing.
    """
    every = [role(node) for node in nodes for role in (puller, configurator)]
    return Rights(
        publish=_once(subject for rights in every for subject in rights.publish),
        subscribe=_once(subject.partition(" ")[0] for rights in every for subject in rights.subscribe),
    )


def _worker(node: NodeName, service: str, *, publish: tuple[str, ...], subscribe: tuple[str, ...]) -> Rights:
    key = subjects.status_key(node, service)
    written = (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET)
    group = subjects.token(node)
    return Rights(
        publish=(
            *_own_events(node, service),
            *(f"$KV.{bucket}.{key}" for bucket in written),
            *(f"{API}.STREAM.INFO.{stream}" for stream in KEPT_BY_NODES),
            *_watch_desired(node, service),
            ANSWERS_TO_MASTERS,
            ANSWERS_TO_OPERATORS,
            *publish,
        ),
        subscribe=(
            f"{subjects.inbox(node, service)}.>",
            f"$KV.{subjects.PRESENCE_BUCKET}.{key}",  # another process of its name
            *(f"{subjects.command(place, service, '*')} {group}" for place in (node, None)),
            *_discovery(service),
            *subscribe,
        ),
    )


def _own_events(node: NodeName, service: str) -> Iterator[str]:
    """Say what this service has to say, each kind of event by its name."""
    for kind in messages.of(service):
        yield subjects.events(None if node == ANY_NODE else node, service, kind.type)


def _watch_desired(node: NodeName, service: str) -> Iterator[str]:
    """Watch desired state through one consumer of a fixed name, and read earlier revisions.

    The name is a part of the subject, and the server checks that the request says the same: no second consumer can be
    made. A key for all nodes has to leave the name open. There is no right to direct gets and pulls: these bring a
    message's own bytes to any subject that a request names.
    """
    stream = f"KV_{subjects.DESIRED_BUCKET}"
    name = ANY_NODE if node == ANY_NODE else subjects.consumer(node, service)
    yield f"{API}.CONSUMER.CREATE.{stream}.{name}.$KV.{subjects.DESIRED_BUCKET}.>"
    yield f"{API}.CONSUMER.DELETE.{stream}.{name}"
    yield f"{API}.STREAM.MSG.GET.{stream}"
    yield f"$JS.FC.{stream}.{name}.*"


def _consume_all(stream: str) -> Iterator[str]:
    """Read a stream from a point on: make a consumer, look at it, pull from it, and end it."""
    yield f"{API}.CONSUMER.CREATE.{stream}"
    yield f"{API}.CONSUMER.CREATE.{stream}.>"
    yield f"{API}.CONSUMER.INFO.{stream}.*"
    yield f"{API}.CONSUMER.MSG.NEXT.{stream}.*"
    yield f"{API}.CONSUMER.DELETE.{stream}.*"
    yield f"$JS.FC.{stream}.>"


def _discovery(service: str) -> Iterator[str]:
    """Be found by `nats micro ls`."""
    for verb in ("PING", "INFO", "STATS"):
        yield f"$SRV.{verb}"
        yield f"$SRV.{verb}.mm-{service}"
        yield f"$SRV.{verb}.mm-{service}.*"


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
