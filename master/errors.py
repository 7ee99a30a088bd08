"""What can go wrong in the master beside what can in any service. Each message is a sentence for the operator."""

from service.errors import ModelManagerError


class NotFound(ModelManagerError):
    """The fleet has no such node, model or version, and no document is kept for it."""


class Conflict(ModelManagerError):
    """Somebody else changed the document first; `revision` is the one it has now."""

    def __init__(self, sentence: str, *, revision: int) -> None:
        super().__init__(sentence)
        self.revision = revision


class Refused(ModelManagerError):
    """The request contradicts itself or what is known; sending it again does not help."""


class Spoiled(Refused):
    """No revision of the document can be read; `revision` is the newest. Only a whole document helps."""

    def __init__(self, sentence: str, *, revision: int) -> None:
        super().__init__(sentence)
        self.revision = revision
