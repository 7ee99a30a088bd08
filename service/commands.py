"""Admin commands at a service: the same requests, checks and answers whichever way they come (NATS or HTTP)."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from events import commands
from events.commands import Answer, BadRequest, Command
from events.names import NodeName
from events.status import Report
from service import logs
from service.errors import ModelManagerError

log = logs.get("service.commands")

FOR_NODE = "mm-node"  # a request's head over HTTP: the node it is for; addresses change hands
PATIENCE_SECONDS = 30.0  # what is waited for the end of a deed where the request has no deadline
WAY_SECONDS = 0.2
REMEMBERED = 1000  # answers kept for requests that come again with the same id

Handle: TypeAlias = Callable[[Command], Awaitable[tuple[str, ...] | Report]]  # what was done, in sentences


def seconds_left(request: Command) -> float:
    """Tell how long an answer may take to be in time, with a little for its way."""
    if request.deadline is None:
        return PATIENCE_SECONDS
    return max(0.0, (request.deadline - datetime.now(UTC)).total_seconds() - WAY_SECONDS)


class Commands:
    """The commands one service answers.

    A request that comes again (by id) gets its first answer and does nothing; only its deadline may differ. Another
    request under the same id is refused: whoever was first with an id does not answer for others.
    """

    def __init__(self, node: NodeName, service: str, handles: Mapping[type[Command], Handle]) -> None:
        self.node = node
        self.service = service
        self._handles = {kind.name: (kind, handle) for kind, handle in handles.items()}
        self._answers: OrderedDict[tuple[str, str], tuple[Command, asyncio.Future[Answer]]] = OrderedDict()

    @property
    def kinds(self) -> tuple[type[Command], ...]:
        """The commands, in the order they were given."""
        return tuple(kind for kind, _ in self._handles.values())

    async def answer(self, name: str, data: bytes) -> Answer:
        """Follow a request, or say in the answer's `error` why not."""
        if name not in self._handles:
            known = ", ".join(sorted(self._handles))
            return self._refuse(f"{self.service} knows no command {name[:40]!a}; it knows {known}")
        kind, handle = self._handles[name]
        try:
            request = commands.parse(kind, data, now=datetime.now(UTC))
        except BadRequest as error:
            return self._refuse(str(error))
        if not request.id:
            return await self._follow(request, handle)
        place, asked = (name, request.id), request.model_copy(update={"deadline": None})
        if place not in self._answers:
            self._answers[place] = asked, asyncio.ensure_future(self._follow(request, handle))
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        first, answer = self._answers[place]
        if first != asked:
            return self._refuse(f"{name}: the id {request.id!a} was used for another request; take a new one")
        return await asyncio.shield(answer)

    async def _follow(self, request: Command, handle: Handle) -> Answer:
        log.info("command", command=request.name, actor=request.actor, id=request.id, dry_run=request.dry_run)
        try:
            result = await handle(request)
        except ModelManagerError as error:
            return self._refuse(str(error))
        answer = Answer(node=self.node, service=self.service, is_done=not request.dry_run)
        if isinstance(result, Report):
            return answer.model_copy(update={"report": result.model_dump(mode="json")})
        return answer.model_copy(update={"sentences": result})

    def _refuse(self, reason: str) -> Answer:
        return Answer(node=self.node, service=self.service, is_done=False, error=reason)
