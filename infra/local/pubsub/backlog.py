"""The messages of one subscription: waiting to be delivered, or leased to a subscriber until a deadline.

A lease ends by acknowledgement (the message is done), by its deadline or by a deadline of 0, a nack (the message
waits again, after the backoff of the retry policy). An acknowledgement of a lease that has ended does nothing: the
message comes again, which is the strictest reading of what Pub/Sub promises, and what Google's emulator does.
"""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from infra.local.pubsub.resources import Message, Subscription

_MAX_BATCH_BYTES = 4_000_000
"""More in one answer than a gRPC client takes by default is no help; a larger message travels alone."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who asks for messages, for how long, and how much it may hold at a time."""

    holder: str
    ack_deadline_seconds: float
    max_messages: float = float("inf")
    max_bytes: float = float("inf")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of one message; `number` is never used again in this subscription."""

    number: int
    message: Message
    attempt: int


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A message that is delivered from `due` on; `order` keeps those of one moment in the order of their arrival."""

    due: float
    order: int
    message: Message = field(compare=False)
    attempts: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Lease:
    delivery: Delivery
    holder: str
    deadline: float


class Backlog:
    """Takes messages in and hands them out, by the rules of the subscription it is given each time."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._leases: dict[int, _Lease] = {}
        self._next_deadline = float("inf")  # no lease ends before this
        self._orders = itertools.count()
        self._numbers = itertools.count(1)

    def add(self, message: Message, due: float, *, attempts: int = 0) -> None:
        """Let a message wait until `due`."""
        heapq.heappush(self._waiting, Waiting(due, next(self._orders), message, attempts))

    def take(self, claim: Claim, rules: Subscription, *, now: float) -> list[Delivery]:
        """Lease what is due and fits the claim."""
        held = [lease.delivery.message.draft.size for lease in self._leases.values() if lease.holder == claim.holder]
        messages, held_bytes = len(held), sum(held)
        taken: list[Delivery] = []
        batch_bytes = 0
        while self._has_due(rules, now=now) and messages < claim.max_messages and held_bytes < claim.max_bytes:
            size = self._waiting[0].message.draft.size
            if taken and batch_bytes + size > _MAX_BATCH_BYTES:
                break
            taken.append(self._lease(heapq.heappop(self._waiting), claim, now=now))
            messages, held_bytes, batch_bytes = messages + 1, held_bytes + size, batch_bytes + size
        return taken

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Be done with these deliveries; numbers of leases that have ended are passed over."""
        for number in numbers:
            self._leases.pop(number, None)

    def extend(self, number: int, deadline: float) -> None:
        """Move the deadline of a lease, if it has not ended."""
        lease = self._leases.get(number)
        if lease:
            self._leases[number] = replace(lease, deadline=deadline)
            self._next_deadline = min(self._next_deadline, deadline)

    def lapse(self, rules: Subscription, *, now: float) -> list[Waiting]:
        """End the leases whose deadline has come; give those messages that had their last attempt."""
        if now < self._next_deadline:
            return []
        ended = [lease for lease in self._leases.values() if lease.deadline <= now]
        exhausted: list[Waiting] = []
        for lease in sorted(ended, key=lambda lease: (lease.deadline, lease.delivery.number)):
            del self._leases[lease.delivery.number]
            again = self._again(lease, rules)
            if rules.dead_letter and again.attempts >= rules.dead_letter.max_attempts:
                exhausted.append(again)
            else:
                heapq.heappush(self._waiting, again)
        self._next_deadline = min((lease.deadline for lease in self._leases.values()), default=float("inf"))
        return exhausted

    def next_change(self, *, now: float) -> float:
        """Give the next moment at which time alone makes a message deliverable; infinity if there is none."""
        deadline = min((lease.deadline for lease in self._leases.values()), default=float("inf"))
        if self._waiting and self._waiting[0].due > now:
            return min(deadline, self._waiting[0].due)
        return deadline  # what is due already waits for room, not for time

    def _has_due(self, rules: Subscription, *, now: float) -> bool:
        while self._waiting and self._waiting[0].message.published + rules.retention_seconds <= now:
            heapq.heappop(self._waiting)
        return bool(self._waiting) and self._waiting[0].due <= now

    def _lease(self, waiting: Waiting, claim: Claim, *, now: float) -> Delivery:
        delivery = Delivery(next(self._numbers), waiting.message, waiting.attempts + 1)
        deadline = now + claim.ack_deadline_seconds
        self._leases[delivery.number] = _Lease(delivery, claim.holder, deadline)
        self._next_deadline = min(self._next_deadline, deadline)
        return delivery

    def _again(self, lease: _Lease, rules: Subscription) -> Waiting:
        attempts = lease.delivery.attempt
        backoff = rules.retry.backoff(attempts) if rules.retry else 0.0
        return Waiting(lease.deadline + backoff, next(self._orders), lease.delivery.message, attempts)
