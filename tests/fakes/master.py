"""A master that answers what a test laid down, without a socket; and a run of the command against it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel
from rich.console import Console
from typer.testing import CliRunner

from master.cli.client.api import Master
from master.cli.client.http import Reply
from master.cli.main import build
from master.cli.output.screen import Screen
from master.cli.session import Session
from master.cli.settings import Settings

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PROBLEM = {"content-type": "application/problem+json"}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, object]
    headers: Mapping[str, str]


Answer = Reply | Exception | Callable[[Request], Reply]


def ok(view: BaseModel) -> Reply:
    """A view as the master sends it."""
    return Reply(200, view.model_dump_json().encode(), {"content-type": "application/json"})


def page(*items: BaseModel, following: str | None = None) -> Reply:
    """A page of a list."""
    rows = [item.model_dump(mode="json") for item in items]
    return Reply(200, json.dumps({"items": rows, "next": following, "total": len(rows)}).encode())


def problem(status: int, detail: str) -> Reply:
    """An error as RFC 9457 writes it."""
    return Reply(status, json.dumps({"title": "wrong", "detail": detail, "status": status}).encode(), PROBLEM)


@dataclass(slots=True)
class FakeTransport:
    """Answers by method and path; a list of answers is given one after the other, the last for ever."""

    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    streams: list[Answer | list[str]] = field(default_factory=list)  # of events, one a connection
    requests: list[Request] = field(default_factory=list)
    url: str = "http://master"

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Answer a request."""
        request = _request(method, path, body, headers or {})
        self.requests.append(request)
        answer = self.answers.get(f"{method} {request.path}", problem(404, f"there is no {request.path}"))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str]) -> Iterator[tuple[Reply, Iterator[str]]]:
        """Give the next stream of lines; KeyboardInterrupt, as by Ctrl-C, where there is none left."""
        self.requests.append(_request("GET", path, None, headers))
        if not self.streams:
            raise KeyboardInterrupt
        answer = self.streams.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            yield answer, iter(())
        elif isinstance(answer, list):
            yield Reply(200, b""), iter(answer)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    code: int
    out: str
    errors: str


def run(
    transport: FakeTransport, *arguments: str, typed: str | None = None, width: int = 120, piped: bool = False
) -> Outcome:
    """Run the command; `typed` is what a person answers, None where no person is there; `piped`: a program reads."""
    out, errors = StringIO(), StringIO()
    screen = Screen(
        Console(file=out, width=width, highlight=False, color_system=None, force_terminal=not piped),
        Console(file=errors, width=width, highlight=False, color_system=None),
        answers=None if typed is None else StringIO(typed),
    )
    session = Session(Settings(), screen, Master(transport), now=lambda: NOW, pause=lambda _seconds: None)
    result = CliRunner().invoke(build(arguments), list(arguments), obj=session, prog_name="model-manager")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return Outcome(result.exit_code, "\n".join(lines), errors.getvalue() + result.output)


def _request(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Request:
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, json.loads(body) if body else {}, headers)
