"""Desired state on a node: watched in NATS KV, with a copy on disk for the time when NATS is away.

In the place of a document that cannot be read the newest one before it that can holds, so that neither a slip of the
pen upstream nor a stolen key unloads a model: out of NATS's own history (`service/watch.py`), or as this node knew it.
Nor does a document go that nobody deleted: a NATS that lost its data unpins nothing. Either is said at `/status` until
somebody writes the document anew.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from events import bounds, desired, subjects
from events.desired import Desired, DesiredState
from events.names import BadName, ModelName, NodeName
from events.status import MAX_MODELS
from service import files, logs, metrics
from service.errors import Transient
from service.layout import Layout
from service.watch import Entry

log = logs.get("service.desired")

DEFAULT = Desired()  # is what holds without a document, so nothing is lost with it
VANISHED = "it is gone from NATS, and nobody deleted it: NATS may have lost its data; the document known before holds"


class DesiredStore:
    """The newest desired state known on this node."""

    def __init__(self, node: NodeName, *, layout: Layout, service: str, on_change: Callable[[], None]) -> None:
        self._node = node
        self._path = layout.desired(service)
        self._on_change = on_change
        self._documents: dict[ModelName, Desired] = {}
        self._revisions: dict[ModelName, int] = {}  # of the documents; a copy on disk has none
        self.problems: tuple[str, ...] = ()  # documents that cannot be read, and what holds in their place

    @property
    def state(self) -> DesiredState:
        """What operators want, on this node."""
        return DesiredState(self._node, self._documents, self._revisions)

    def load(self) -> None:
        """Start from the copy on disk; a copy that is missing or broken counts as no document at all."""
        try:
            saved = json.loads(self._saved())
            raw = {str(key): json.dumps(value).encode() for key, value in saved.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            log.warning("copy of desired state unreadable; waiting for nats", path=str(self._path), reason=str(error))
            return
        self._documents = self._read(raw)[0]

    def _saved(self) -> bytes:
        data = files.read(self._path, most_bytes=bounds.COPY.max_bytes + 1)
        if problem := bounds.COPY.problem(data):
            raise ValueError(f"it is {problem}")
        return data

    def show(self, content: Mapping[str, Entry]) -> None:
        """Take the whole content of the KV bucket."""
        documents, unreadable = self._read(
            {key: entry.value for key, entry in content.items() if entry.value is not None}
        )
        vanished = {
            key: model
            for model, document in self._documents.items()
            if (key := subjects.desired_key(model)) not in content and document != DEFAULT
        }
        documents |= {model: self._documents[model] for model in vanished.values()}
        spoiled = {key: entry.spoiled for key, entry in content.items() if entry.spoiled}
        wrong = {**unreadable, **dict.fromkeys(vanished, VANISHED), **spoiled}
        problems = tuple(f"desired state of {key}: {why}" for key, why in sorted(wrong.items())[:MAX_MODELS])
        for problem in set(problems) - set(self.problems):
            metrics.BAD_MESSAGES.labels(subject=subjects.DESIRED_BUCKET).inc()
            log.warning("desired state is not as it should be; the document before it holds", reason=problem)
        revisions = {model: revision for model, revision in self._revisions.items() if model in documents}
        revisions |= {
            ModelName(subjects.name(key)): entry.revision
            for key, entry in content.items()
            if entry.value is not None and key not in unreadable
        }
        if (documents, revisions, problems) == (self._documents, self._revisions, self.problems):
            return
        self._revisions = revisions
        if documents != self._documents:
            self._documents = documents
            self._save()
            log.info("desired state changed", models=len(documents))
        self.problems = problems
        self._on_change()

    def _read(self, content: Mapping[str, bytes]) -> tuple[dict[ModelName, Desired], dict[str, str]]:
        """Read documents; of those that are none keep what was known before, and say why."""
        documents: dict[ModelName, Desired] = {}
        unreadable: dict[str, str] = {}
        for key, data in content.items():
            try:
                model = ModelName.parse(subjects.name(key))
            except BadName as error:
                unreadable[key] = str(error)
                continue
            try:
                documents[model] = desired.parse(data)
            except desired.BadDesired as error:
                unreadable[key] = str(error)
                if model in self._documents:
                    documents[model] = self._documents[model]
        return documents, unreadable

    def _save(self) -> None:
        copy = {subjects.desired_key(model): doc.model_dump(mode="json") for model, doc in self._documents.items()}
        data = json.dumps(copy, sort_keys=True).encode()
        if reason := bounds.COPY.problem(data) or _written(self._path, data):
            log.warning("copy of desired state not written; it is in memory only", reason=reason)


def _written(path: Path, data: bytes) -> str:
    """Write a file; say why that was not possible, or nothing."""
    try:
        files.write(path, data)
    except Transient as error:
        return str(error)
    return ""
