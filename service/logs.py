"""Structured logs on standard error: a constant message and fields, as JSON for machines or text for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from events import wording

_FIELDS = "fields"


class Log:
    """One module's log. Fields are keyword arguments; the message is a constant, so that equal news can be counted."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, **fields: object) -> None:
        """Log what only somebody who looks for a fault wants to see."""
        self._logger.debug(message, extra={_FIELDS: fields})

    def info(self, message: str, **fields: object) -> None:
        """Log a change."""
        self._logger.info(message, extra={_FIELDS: fields})

    def warning(self, message: str, **fields: object) -> None:
        """Log trouble that the system deals with by itself."""
        self._logger.warning(message, extra={_FIELDS: fields})

    def error(self, message: str, **fields: object) -> None:
        """Log trouble that somebody has to deal with."""
        self._logger.error(message, extra={_FIELDS: fields})

    def bug(self, message: str, *, error: BaseException | None = None, **fields: object) -> None:
        """Log an exception that should not exist, with its traceback: this one, or the one that is being handled."""
        self._logger.error(message, extra={_FIELDS: fields}, exc_info=error or True)


def get(name: str) -> Log:
    """Return the log of a module."""
    return Log(name)


def configure(style: Literal["json", "text"], level: str) -> None:
    """Send all logs to standard error in one style; the libraries' only from warnings on."""
    formatter = _Json() if style == "json" else _Text()
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [output]
    root.setLevel(logging.WARNING)
    for name in ("puller", "configurator", "master", "service", "infra"):
        logging.getLogger(name).setLevel(level.upper())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={_plain(value)}" for name, value in getattr(record, _FIELDS, {}).items())
        line = f"{time} {record.levelname:<7} {record.name:<24} {record.getMessage()}{fields}"
        if not record.exc_info:
            return line
        return f"{line}\n{wording.for_terminal(self.formatException(record.exc_info))}"


def _plain(value: object) -> str:
    """Write a value so that it cannot break the line; quoted where it holds a space."""
    text = str(value)
    return text if text.isprintable() and text and " " not in text else json.dumps(text)
