"""Lends servables to requests, and knows when the last borrower is gone.

A new edition of the shelf is put up at once; whoever put it up then waits until every request that took something
from the old edition has ended, whatever version it took. One slow inference therefore holds up the load or unload of
any other model, as in TensorFlow Serving.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import Condition

from infra.tfserving.servable import Code, Found, RequestFailure, Servable
from infra.tfserving.versions import ServableId


class _Edition:
    def __init__(self, servables: Mapping[ServableId, Servable]) -> None:
        self.servables = dict(servables)
        self.latest = {one.model: one for one in sorted(servables)}
        self.borrowers = 0


class Shelf:
    """The servables that are available."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._edition = _Edition({})

    @contextmanager
    def lend(self, model: str, *, version: int | None) -> Iterator[Found]:
        """Lend a version, or the highest one, or raise `RequestFailure`."""
        with self._changed:
            edition = self._edition
            wanted = edition.latest.get(model) if version is None else ServableId(model, version)
            if wanted is None or wanted not in edition.servables:
                request = f"Latest({model})" if version is None else f"Specific({model}, {version})"
                raise RequestFailure(Code.NOT_FOUND, f"Servable not found for request: {request}")
            edition.borrowers += 1
        try:
            yield Found(wanted.model, wanted.version, edition.servables[wanted])
        finally:
            with self._changed:
                edition.borrowers -= 1
                self._changed.notify_all()

    def replace(self, servables: Iterable[tuple[ServableId, Servable]]) -> None:
        """Put up a new edition, then wait until nothing of the old one is lent any more."""
        with self._changed:
            old, self._edition = self._edition, _Edition(dict(servables))
            self._changed.wait_for(lambda: old.borrowers == 0)
