"""Desired state on a node: watched in NATS KV, with a copy on disk for the time when NATS is away.

A document that cannot be read is reported and the one before it holds, so that a slip of the pen upstream never
unloads a model.
"""

import json
from collections.abc import Callable, Mapping

from events import desired, subjects
from events.desired import Desired, DesiredState
from events.names import BadName, ModelName, NodeName
from service import files, logs
from service.errors import Transient
from service.layout import Layout

log = logs.get("service.desired")


class DesiredStore:
    """The newest desired state known on this node."""

    def __init__(self, node: NodeName, *, layout: Layout, service: str, on_change: Callable[[], None]) -> None:
        self._node = node
        self._path = layout.desired(service)
        self._on_change = on_change
        self._documents: dict[ModelName, Desired] = {}
        self._complaints: set[str] = set()

    @property
    def state(self) -> DesiredState:
        """What operators want, on this node."""
        return DesiredState(self._node, self._documents)

    def load(self) -> None:
        """Start from the copy on disk; a copy that is missing or broken counts as no document at all."""
        try:
            saved = json.loads(self._path.read_bytes())
            raw = {str(key): json.dumps(value).encode() for key, value in saved.items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError) as error:
            log.warning("copy of desired state unreadable; waiting for nats", path=str(self._path), reason=str(error))
            return
        self._documents = self._read(raw)

    def show(self, content: Mapping[str, bytes]) -> None:
        """Take the whole content of the KV bucket."""
        documents = self._read(content)
        if documents == self._documents:
            return
        self._documents = documents
        self._save()
        log.info("desired state changed", models=len(documents))
        self._on_change()

    def _read(self, content: Mapping[str, bytes]) -> dict[ModelName, Desired]:
        documents = {}
        for key, data in content.items():
            try:
                model = ModelName.parse(subjects.name(key))
            except BadName as error:
                self._complain(key, str(error))
                continue
            try:
                documents[model] = desired.parse(data)
            except desired.BadDesired as error:
                self._complain(key, str(error))
                if model in self._documents:
                    documents[model] = self._documents[model]
        return documents

    def _complain(self, key: str, reason: str) -> None:
        if (complaint := f"{key}: {reason}") not in self._complaints:
            self._complaints.add(complaint)
            log.warning("desired state ignored; the document before it holds", key=key, reason=reason)

    def _save(self) -> None:
        copy = {subjects.desired_key(model): doc.model_dump(mode="json") for model, doc in self._documents.items()}
        try:
            files.write(self._path, json.dumps(copy, sort_keys=True).encode())
        except Transient as error:
            log.warning("copy of desired state not written; it is in memory only", reason=str(error))
