"""The tree of errors. What happens next is what tells them apart; anything outside the tree is a bug.

A message is a sentence for the operator: what happened, to which model, version or file, and what can be done.
"""


class ModelManagerError(Exception):
    """Anything that went wrong outside our own code."""


class Transient(ModelManagerError):
    """The next pass tries again."""


class Invalid(ModelManagerError):
    """This version will not work until its bytes change: remember it, report it, go on."""


class NoSpaceLeft(Transient):
    """The disk is too full for what was to be written."""


class BadSettings(ModelManagerError):
    """The process cannot start with these settings."""
