"""The answers to one command, as they come from nodes: bounded one by one, in number, and in all. No I/O."""

from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic import ValidationError

from events import commands, wording
from events.commands import Answer, Command
from events.names import NodeName
from service import logs

log = logs.get("master.gathering")

MAX_BYTES = 64 * 1024**2  # of all answers together: reports of 800 nodes with 200 models each
MESSAGES_EACH = 4  # for each node that was asked; one answers once, on one way or the other
MORE_MESSAGES = 64


@dataclass(slots=True)
class Gathering:
    """The answers that have come, and what more of them may cost."""

    service: str
    request: Command
    asked: Collection[NodeName]
    found: dict[NodeName, Answer] = field(default_factory=dict)
    _messages: int = 0
    _bytes: int = 0

    @property
    def waiting(self) -> frozenset[NodeName]:
        """The nodes that have not answered."""
        return frozenset(self.asked) - self.found.keys()

    @property
    def is_over(self) -> bool:
        """Whether more has come than all nodes together have to say."""
        return self._messages > MESSAGES_EACH * len(self.asked) + MORE_MESSAGES or self._bytes > MAX_BYTES

    def take(self, data: bytes, node: NodeName | None = None) -> None:
        """Take an answer, of this node where it is known who was asked. What is none changes nothing."""
        self._messages += 1
        if self.is_over:
            return
        if wrong := commands.too_big(type(self.request), data):
            log.warning("answer not read", node=node or "unknown", command=self.request.name, reason=wrong)
            answer = node and self._refuse(node, wrong)
        else:
            answer = _read(data)
        if answer and answer.node in self.asked and node in {None, answer.node}:
            self._bytes += len(data)
            self.found[answer.node] = answer

    def _refuse(self, node: NodeName, wrong: str) -> Answer:
        return Answer(node=node, service=self.service, is_done=False, error=f"the answer is {wrong}; it was not read")


def _read(data: bytes) -> Answer | None:
    try:
        answer = Answer.model_validate_json(data)
    except ValidationError:
        return None
    if not wording.may_be_unsafe(data):
        return answer
    said = tuple(wording.clean(sentence) for sentence in answer.sentences)
    return answer.model_copy(update={"sentences": said, "error": wording.clean(answer.error)})
