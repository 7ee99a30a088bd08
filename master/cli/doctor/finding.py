"""What `doctor` finds: a thing it looked at, how it is, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    UNKNOWN = "not checked"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    sentence: str
    advice: str = ""


def good(subject: str, sentence: str) -> Finding:
    """It is as it should be."""
    return Finding(subject, Level.GOOD, sentence)


def warning(subject: str, sentence: str, advice: str) -> Finding:
    """It works, but it will hurt."""
    return Finding(subject, Level.WARNING, sentence, advice)


def wrong(subject: str, sentence: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(subject, Level.WRONG, sentence, advice)


def unknown(subject: str, sentence: str, advice: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(subject, Level.UNKNOWN, sentence, advice)
