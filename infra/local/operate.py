"""The operator of the embedded stack: `model-manager` with the environment that leads to the stack's master.

`lines` are for a person to copy into a shell; `run` is what the demo does in a person's place.
"""

import asyncio
import shlex

from infra.local import programs
from infra.local.child import ROOT, Child, ChildError, Command, exit_words
from infra.local.stack import Stack
from infra.local.supervisor import Supervisor

INSTALLED = ".venv/bin/model-manager"
RUN_SECONDS = 120.0
LOOK_SECONDS = 0.01


def lines(stack: Stack) -> tuple[str, ...]:
    """Lead a shell to this checkout and its commands to this stack."""
    given = {name: value for name, value in stack.operator().items() if value}
    return (
        f"cd {shlex.quote(str(ROOT))}",
        f"export {' '.join(f'{name}={shlex.quote(value)}' for name, value in given.items())}",
    )


def line(words: str) -> str:
    """Write `model-manager` with these words as a line for such a shell."""
    return f"{INSTALLED if (ROOT / INSTALLED).exists() else shlex.join(_program())} {words}"


async def run(stack: Stack, words: str) -> str:
    """Run `model-manager` with these words and return all it printed; `ChildError` where it did not end with 0."""
    command = Command("model-manager", (*_program(), *words.split()), ready=_never, environment=stack.operator())
    with Supervisor() as supervisor:
        child = supervisor.launch(command)
        try:
            async with asyncio.timeout(RUN_SECONDS):
                code = await _end(child)
        except TimeoutError as error:
            raise ChildError(f"`model-manager {words}` did not end within {RUN_SECONDS:g} s: {child.tail()}") from error
        if code:
            raise ChildError(f"`model-manager {words}` ended with {exit_words(code)}: {child.tail()}")
        return child.log.read_text()


async def _end(child: Child) -> int:
    """Wait for the end of a child; its exit code."""
    while True:
        if (code := child.exit_code) is not None:
            return code
        await asyncio.sleep(LOOK_SECONDS)


def _program() -> tuple[str, ...]:
    return (str(programs.python()), "-m", "master.cli")


def _never() -> bool:
    """A command that ends by itself is never ready."""
    return False
