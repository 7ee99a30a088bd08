"""How a command ends: exit codes that scripts can rely on, and failures in words for people."""

from enum import IntEnum

from service.errors import ModelManagerError


class Exit(IntEnum):
    """Every exit code of `model-manager`."""

    DONE = 0
    FAILED = 1  # the master, Google or the disk refused; the sentence says why
    USAGE = 2  # the command line cannot be meant
    NOT_AS_DESIRED = 3  # `wait` ran out of time, `status --check` or `doctor` found something, nodes did not answer
    UNREACHABLE = 4  # no master answers
    NOT_ALLOWED = 5  # no token, a wrong one, or one whose role does not allow this
    CONFLICT = 6  # somebody changed the same thing meanwhile; look again, then repeat
    CANNOT = 7  # `wait`: it cannot come true as things are wanted; the sentence says why
    INTERRUPTED = 130  # Ctrl-C


MEANINGS = (
    "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 not as desired (wait timed out, doctor found something, nodes "
    "did not answer) · 4 no master answers · 5 not allowed · 6 changed by somebody else meanwhile · 7 cannot "
    "come true (wait) · 130 interrupted."
    "\n\n"
    "Environment: MM_MASTER_URL (default http://127.0.0.1:8000), MM_TOKEN; for publish, bootstrap and doctor also "
    "MM_BUCKET, MM_PREFIX, MM_PROJECT, MM_TOPIC, MM_BILLING_PROJECT, MM_PROXY, MM_CA_FILE, STORAGE_EMULATOR_HOST, "
    "PUBSUB_EMULATOR_HOST and Google's default credentials."
)


class Failure(ModelManagerError):
    """The command ends here: what happened, what to do about it, and the exit code."""

    def __init__(self, sentence: str, *, advice: str = "", code: Exit = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.advice = advice
        self.code = code


class Unreachable(Failure):
    """No master answers, or not now; `wait` and `watch` try again."""

    def __init__(self, sentence: str, *, advice: str = "") -> None:
        super().__init__(sentence, advice=advice, code=Exit.UNREACHABLE)


class Broken(Unreachable):
    """The line broke after the request was sent: it may have been followed or not."""


class NotFound(Failure):
    """The master knows no such node, model or version."""
