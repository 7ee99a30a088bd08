"""What a test wants a version to do: the contents of `assets.extra/scripted.json`."""

import json
from dataclasses import dataclass
from pathlib import Path

from infra.tfserving.servable import Code

FILE = Path("assets.extra", "scripted.json")
LOOK_SECONDS = 0.005  # how often to look whether a file that is waited for exists

_PATHS = ("wait_for", "predict_wait_for")
_FAILURES = ("fail", "predict_fail")


class ScriptError(Exception):
    """This script cannot be read."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status to answer with; `times` of None means always."""

    code: str = "UNKNOWN"
    message: str = "scripted failure"
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """See `scripted_loader` for the meaning of each."""

    load_seconds: float = 0.0
    fail: Refusal | None = None
    wait_for: str = ""
    hang: bool = False
    ignore_cancel: bool = False
    crash: bool = False
    warmup_fail: str = ""
    scale: float = 0.5
    offset: float = 2.0
    predict_seconds: float = 0.0
    predict_wait_for: str = ""
    predict_fail: Refusal | None = None


def read_script(version: Path) -> Script:
    """Return the script of the version in a directory, or raise `ScriptError`."""
    file = version / FILE
    if not file.exists():
        return Script()
    try:
        fields = json.loads(file.read_text())
        fields |= fields.pop("predict", {})
        fields |= {name: Refusal(**fields[name]) for name in _FAILURES if name in fields}
        fields |= {name: str(version / fields[name]) for name in _PATHS if name in fields}
        script = Script(**fields)
    except (ValueError, TypeError, AttributeError) as error:
        raise ScriptError(f"{file}: {error}") from error
    for refusal in (script.fail, script.predict_fail):
        if refusal is not None and refusal.code not in Code.__members__:
            raise ScriptError(f"{file}: {refusal.code} is no status code; one of {', '.join(Code.__members__)} is")
    return script
