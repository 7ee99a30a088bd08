"""Signing what is served: an event for each model whenever that changes, if the node has a key (`MM_ATTEST_KEY`).

A statement is about all versions of a model, so each takes the place of the one before, whichever life made that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from configurator.view import Model, View
from events.attested import MOST_VERSIONS, Attested, AttestedVersion, Occasion
from events.messages import Event
from events.names import ModelName, NodeName, Version
from service.isolation import Troubles, each
from service.layout import Receipt

RENEW = timedelta(days=10)  # history keeps events for thirty days


class Disk(Protocol):
    """What is asked of the disk."""

    def receipt(self, key: tuple[ModelName, Version]) -> Receipt | None:
        """Read what was published under a version's number; None where there is no receipt of ours."""
        ...


class Sign(Protocol):
    """Signs a statement with the node's key."""

    def __call__(self, attested: Attested, /) -> Event:
        """Return the event that says so."""
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    served: frozenset[Version]
    extended: frozenset[Version]  # those of them whose files were not tested yet, so that other files are news
    since: datetime
    at: datetime


class Attestor:
    """Remembers what was said last of each model; silent without a key."""

    def __init__(
        self,
        node: NodeName,
        disk: Disk,
        *,
        sign: Sign | None,
        emit: Callable[[Event], None],
        clock: Callable[[], datetime],
        troubles: Troubles,
    ) -> None:
        self._node = node
        self._disk = disk
        self._sign = sign
        self._emit = emit
        self._clock = clock
        self._troubles = troubles
        self._said: dict[ModelName, _Said] = {}
        self._unwatched: set[ModelName] = set()  # of which nothing was said since TensorFlow Serving was away

    def lost(self) -> None:
        """Note that TensorFlow Serving is not watched for a while: all is said again when it is back."""
        self._unwatched |= self._said.keys()
        self._said = {}

    async def look(self, view: View) -> None:
        """Sign and tell what has changed of what is served."""
        if (sign := self._sign) is None or view.is_away:
            return
        now = self._clock()
        names = [name for name in sorted(view.models.keys() | self._said.keys()) if self._is_due(view, name, now)]
        if not names:
            return
        made = await asyncio.to_thread(each, names, lambda name: self._make(view, name, now, sign))
        for name, (said, event) in self._troubles.take_all("attest", made).items():
            self._emit(event)
            self._said[name] = said
            self._unwatched.discard(name)

    def _is_due(self, view: View, name: ModelName, now: datetime) -> bool:
        model, said = view.models.get(name), self._said.get(name)
        if model is not None and model.is_unclear:
            return False
        served, extended = _served(model)
        if said is None:
            return bool(served) or name in self._unwatched
        return (served, extended) != (said.served, said.extended) or now - said.at >= RENEW

    def _make(self, view: View, name: ModelName, now: datetime, sign: Sign) -> tuple[_Said, Event]:
        said = self._said.get(name)
        served, extended = _served(view.models.get(name))
        is_same = said is not None and (served, extended) == (said.served, said.extended)
        named = sorted(served, reverse=True)[:MOST_VERSIONS]
        attested = Attested(
            node=self._node,
            model=name,
            since=said.since if said is not None and is_same else now,
            at=now,
            occasion=self._occasion(name, is_same=is_same),
            served=tuple(self._version(name, version) for version in named),
            others=len(served) - len(named),
        )
        return _Said(served, extended, attested.since, now), sign(attested)

    def _occasion(self, name: ModelName, *, is_same: bool) -> Occasion:
        if name in self._said:
            return "renewal" if is_same else "change"
        return "return" if name in self._unwatched else "start"

    def _version(self, name: ModelName, version: Version) -> AttestedVersion:
        receipt = self._disk.receipt((name, version))
        if receipt is None:
            return AttestedVersion(version=version)
        return AttestedVersion(
            version=version,
            digest=receipt.signed_digest,
            content=receipt.fingerprint,
            signed_by=receipt.signed_by,
            provenance=receipt.provenance,
        )


def signer(key_file: Path | None) -> Sign | None:
    """Return what signs with the node's key; None where it has none."""
    if key_file is None:
        return None
    from service.signatures import attestation, keys  # noqa: PLC0415 - cryptography takes memory; few nodes need it here

    return partial(attestation.sign, key=keys.load_private(key_file))


def _served(model: Model | None) -> tuple[frozenset[Version], frozenset[Version]]:
    """What is confirmed of a model, and which of it has files that were not tested yet."""
    served = model.confirmed if model else frozenset[Version]()
    return served, served & model.extended if model else frozenset[Version]()
