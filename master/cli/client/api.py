"""The master's HTTP API as typed calls. What it refuses becomes a `Failure` with the words it gave."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from events import wording
from events.changes import Change
from events.names import ModelName, NodeName, Version
from master.answers import Entry, Forgotten, Gathered, HistoryPage, Made, Timeline
from master.cli.client.http import Reply
from master.cli.client.sse import Message, messages
from master.cli.exits import Broken, Exit, Failure, NotFound, Unreachable
from master.fleet.stored import Stored
from master.fleet.views import CellRow, CellView, ModelRow, ModelView, NodeRow, NodeView, Overview, Page

T = TypeVar("T")
LOOKS = 5  # requests for one command; the master looks at 20,000 events for each
NEW_FIELDS = frozenset({"reason", "ahead", "accept_default", "keep_labels", "drop_labels"})
PAGE = 500  # rows a request; a fleet of 1,000 nodes takes two


class Transport(Protocol):
    """How requests get to the master."""

    url: str

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Reply: ...

    def stream(
        self, path: str, *, headers: Mapping[str, str]
    ) -> AbstractContextManager[tuple[Reply, Iterator[str]]]: ...


class _Problem(BaseModel):
    """An error as RFC 9457 writes it."""

    model_config = ConfigDict(extra="ignore")
    title: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change of desired state that somebody asks for, and for which nodes; none means all."""

    change: Change
    nodes: tuple[NodeName, ...] = ()
    is_dry_run: bool = False
    revision: int | None = None  # only if the document still has this revision
    key: str = field(default_factory=lambda: uuid.uuid4().hex)  # the same key again gets the first answer again

    @property
    def fields(self) -> dict[str, object]:
        """The change as a master of the release before takes it, too: what is new in it goes only where it is set."""
        fields = self.change.model_dump(mode="json")
        return {name: value for name, value in fields.items() if value or name not in NEW_FIELDS}

    @property
    def headers(self) -> dict[str, str]:
        """What goes beside the body."""
        match = {} if self.revision is None else {"If-Match": f'"{self.revision}"'}
        return {"Idempotency-Key": self.key, **match}


class Master:
    """One master."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def overview(self) -> Overview:
        """The whole cluster at a glance."""
        return self._get("/v1/overview", Overview)

    def nodes(self) -> list[NodeRow]:
        """All nodes."""
        return self._pages("/v1/nodes", Page[NodeRow])

    def node(self, node: NodeName) -> NodeView:
        """A node with its models."""
        return self._get(f"/v1/nodes/{node}", NodeView)

    def forget(self, node: NodeName) -> Forgotten:
        """Take a lost node off the list; masters of the release before do not say what went with it."""
        reply = self._send("DELETE", f"/v1/nodes/{node}", body=None, headers={})
        return self._read(reply, Forgotten.model_validate_json) if reply.body else Forgotten(node=node)

    def models(self, *, search: str = "") -> list[ModelRow]:
        """All models, or those whose name holds a text."""
        return self._pages("/v1/models", Page[ModelRow], search=search)

    def model(self, model: ModelName) -> ModelView:
        """A model with its versions everywhere."""
        return self._get(f"/v1/models/{model}", ModelView)

    def cells(self, model: ModelName) -> list[CellRow]:
        """A model on every node."""
        return self._pages(f"/v1/models/{model}/nodes", Page[CellRow])

    def cell(self, model: ModelName, node: NodeName) -> CellView:
        """All there is to know of a model on a node."""
        return self._get(f"/v1/models/{model}/nodes/{node}", CellView)

    def desired(self, model: ModelName) -> Stored:
        """What operators want of a model."""
        return self._get(f"/v1/models/{model}/desired", Stored)

    def timeline(self, model: ModelName, version: Version, *, before: str = "") -> Timeline:
        """The life of a version."""
        return self._get(f"/v1/models/{model}/versions/{version}{_query({'before': before})}", Timeline)

    def history(self, *, limit: int, before: str = "", **filters: str) -> HistoryPage:
        """The newest events, newest first: as many as asked for, or as many as the master finds in some looks."""
        entries: list[Entry] = []
        looks = 0
        while True:
            wanted = {"limit": str(min(PAGE, limit - len(entries))), "before": before, **filters}
            page = self._get(f"/v1/history{_query(wanted)}", HistoryPage)
            entries += page.entries
            looks += page.looked_back_to is not None
            if page.before is None or len(entries) >= limit or looks >= LOOKS:
                return page.model_copy(update={"entries": tuple(entries)})
            before = str(page.before)

    def change(self, model: ModelName, wish: ChangeRequest) -> Made:
        """Change a model's desired state, or hear what that would do."""
        body = {"change": wish.fields, "nodes": wish.nodes or None, "dry_run": wish.is_dry_run}
        path, data = f"/v1/models/{model}/changes", _json(body)
        try:
            reply = self._send("POST", path, body=data, headers=wish.headers)
        except Broken:  # the same key gets the first answer again, should the change have been made
            reply = self._send("POST", path, body=data, headers=wish.headers)
        return self._read(reply, Made.model_validate_json)

    def command(
        self, name: str, *, model: ModelName | None, nodes: Sequence[NodeName], is_dry_run: bool = False
    ) -> Gathered:
        """Have nodes follow a command now."""
        body: dict[str, object] = {"nodes": list(nodes) or None, "dry_run": is_dry_run}
        if model is not None:
            body["model"] = model
        reply = self._send("POST", f"/v1/commands/{name}", body=_json(body), headers={})
        return self._read(reply, Gathered.model_validate_json)

    def events(self, last_id: str, **filters: str) -> Iterator[Message]:
        """Follow events live, from behind the given one on or from now on; ends when the master ends it."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with self.transport.stream(f"/v1/events{_query(filters)}", headers=headers) as (reply, lines):
            check(reply, self.transport.url)
            yield from messages(lines)

    def _get(self, path: str, kind: type[T]) -> T:
        reply = self._send("GET", path, body=None, headers={})
        return self._read(reply, TypeAdapter(kind).validate_json)

    def _pages(self, path: str, kind: type[Page[T]], **filters: str) -> list[T]:
        items: list[T] = []
        cursor = ""
        while True:
            page = self._get(f"{path}{_query({'limit': str(PAGE), 'cursor': cursor, **filters})}", kind)
            items += page.items
            if not page.next:
                return items
            cursor = page.next

    def _send(self, method: str, path: str, *, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        reply = self.transport.request(method, path, body=body, headers=headers)
        check(reply, self.transport.url)
        return reply

    def _read(self, reply: Reply, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(reply.body)
        except ValidationError as error:
            raise Failure(
                f"the answer of {self.transport.url} is not understood: {wording.problems(error, whole='answer')}",
                advice="is it a model.manager master, and of the same version as this command?",
            ) from error


def check(reply: Reply, url: str) -> None:
    """Raise what an error's reply says; return where it is none."""
    if reply.status < 400:
        return
    words = _words(reply)
    match reply.status:
        case 401:
            advice = "set MM_TOKEN to a token that the master knows (`model-manager token` makes one)"
            raise Failure(f"the master at {url} does not know you: {words}", advice=advice, code=Exit.NOT_ALLOWED)
        case 403:
            raise Failure(f"not allowed: {words}", advice="ask for a token of a higher role", code=Exit.NOT_ALLOWED)
        case 409 | 412:
            raise Failure(words, advice="look again, then repeat the command", code=Exit.CONFLICT)
        case 429 | 502 | 503 | 504:
            raise Unreachable(f"the master at {url} cannot answer now: {words}", advice="try again in a moment")
        case 404 if not reply.headers.get("content-type", "").startswith("application/problem+json"):
            advice = "check MM_MASTER_URL, and that the master is of the same version as this command"
            raise Failure(f"what answers at {url} does not know this request", advice=advice)
        case 404:
            raise NotFound(words, advice="`nodes` and `models` list what the master knows")
        case _:
            raise Failure(words)


def _words(reply: Reply) -> str:
    try:
        problem = _Problem.model_validate_json(reply.body)
    except ValidationError:
        return f"HTTP status {reply.status}"
    return problem.detail or problem.title or f"HTTP status {reply.status}"


def _json(body: Mapping[str, object]) -> bytes:
    return TypeAdapter(dict[str, object]).dump_json(dict(body))


def _query(filters: Mapping[str, str]) -> str:
    given = {name: value for name, value in filters.items() if value}
    return f"?{urlencode(given, quote_via=quote)}" if given else ""
