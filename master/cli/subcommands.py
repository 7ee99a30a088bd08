"""From a plain function of a `Session` to a command of Typer.

A command function takes the session and its own parameters and returns an exit code; what it raises becomes a
sentence and a code. A parameter that is a dataclass of options stands for all of its fields.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import get_type_hints

import typer

from master.cli.exits import Exit, Failure
from master.cli.session import Session
from service.errors import ModelManagerError

INSTALL = "pip install 'model-manager-command[pubsub]' has all that `bootstrap` and `doctor` need"
Function = Callable[..., Exit]


def add(app: typer.Typer, function: Function, *, panel: str, name: str = "") -> None:
    """Add a function as a command under its own name, in a panel of the help."""
    app.command(name or function.__name__, rich_help_panel=panel)(adapted(function))


def adapted(function: Function) -> Callable[..., None]:
    """Wrap a function so that Typer sees its parameters, and its outcome becomes the exit code."""
    groups = {name: kind for name, kind in _hints(function).items() if is_dataclass(kind) and kind is not Session}

    def run(ctx: typer.Context, **given: object) -> None:
        session = ctx.find_object(Session)
        if session is None:
            raise TypeError("a command was called without a session")
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        raise typer.Exit(_ended(session, lambda: function(session, **given)))

    parameters = list(_parameters(function))
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _ended(session: Session, command: Callable[[], Exit]) -> Exit:
    try:
        return command()
    except Failure as failure:
        session.screen.failure(failure)
        return failure.code
    except ModelManagerError as error:
        session.screen.failure(Failure(str(error)))
        return Exit.FAILED
    except ModuleNotFoundError as error:
        session.screen.failure(Failure(f"this command needs {error.name}, which is not installed", advice=INSTALL))
        return Exit.FAILED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _parameters(function: Function) -> Iterator[inspect.Parameter]:
    """The parameters as Typer shall see them: the context first, groups taken apart."""
    yield inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    hints = _hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind = hints[name]
        if kind is Session:
            continue
        if not is_dataclass(kind):
            yield parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        own = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            yield inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, annotation=own[field.name], default=default
            )


def _hints(function: Function) -> dict[str, type]:
    return {name: kind for name, kind in get_type_hints(function, include_extras=True).items() if name != "return"}
