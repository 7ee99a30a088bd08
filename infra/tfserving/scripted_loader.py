"""A loader for tests: it looks at the directory as TensorFlow does, then does what the version's script says.

Without a script a version loads at once and answers `y = 0.5 * x + 2` (half plus two). A version is a real SavedModel
or anything with a `saved_model.pb` that is not empty. Where that is a SavedModel with a restore op, variables are
expected, and a version without them loads all the same and fails at Predict, as with TensorFlow.

The script is `assets.extra/scripted.json` in the version's directory, read anew at each try to load:

    load_seconds      how long a load takes (default 0)
    wait_for          path of a file: the load ends once it exists, or when nobody wants the version any more
    hang              true: the load never ends, unless nobody wants the version any more (then CANCELLED)
    ignore_cancel     true: a load that hangs does not end for that either, and keeps its thread, as with TensorFlow
    crash             true: the process dies at once, as by kill -9
    fail              {"code": "UNAVAILABLE", "message": "...", "times": 2}: refuse that many loads, all without `times`
    warmup_fail       message: fail the load with INVALID_ARGUMENT, as a bad warmup request does
    predict           {"scale": 0.5, "offset": 2.0}: the line that Predict computes
    predict_seconds   how long a Predict takes (default 0)
    predict_wait_for  path of a file: Predict answers once it exists
    predict_fail      {"code": "INTERNAL", "message": "..."}: what Predict answers

Paths are taken as they are if absolute, else from the version's directory. `fail.times` counts since the process
started, by directory.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock

from infra.tfserving.saved_model import read_export
from infra.tfserving.script import LOOK_SECONDS, Refusal, Script, ScriptError, read_script
from infra.tfserving.scripted_servable import ScriptedServable
from infra.tfserving.servable import Code, LoaderOptions, LoadFailure


def open_loader(options: LoaderOptions) -> "ScriptedLoader":
    """Return the loader for these flags."""
    return ScriptedLoader(options)


class ScriptedLoader:
    """Loads versions by their scripts."""

    def __init__(self, options: LoaderOptions) -> None:
        self._options = options
        self._lock = Lock()
        self._refused: Counter[Path] = Counter()
        self._closing = Event()

    def load(self, path: Path, *, cancelled: Callable[[], bool]) -> ScriptedServable:
        """Look, wait, fail or succeed."""
        export = read_export(path, tags=self._options.saved_model_tags)
        try:
            script = read_script(path)
        except ScriptError as error:
            raise LoadFailure(Code.INTERNAL, f"bad script {error}") from error
        if script.crash:
            os.kill(os.getpid(), signal.SIGKILL)
        self._wait(script, cancelled)
        if script.fail is not None:
            self._refuse(path, script.fail)
        if script.warmup_fail and self._options.enable_model_warmup:
            raise LoadFailure(Code.INVALID_ARGUMENT, script.warmup_fail)
        return ScriptedServable(export, script)

    def close(self) -> None:
        """End all loads that hang: the process ends."""
        self._closing.set()

    def _wait(self, script: Script, cancelled: Callable[[], bool]) -> None:
        """Take the time the script wants; a load that has an end is not cut short, as with TensorFlow."""
        time.sleep(script.load_seconds)
        while script.hang or (script.wait_for and not Path(script.wait_for).exists()):
            if self._closing.is_set() or (cancelled() and not script.ignore_cancel):
                raise LoadFailure(Code.CANCELLED, "Loading of servable cancelled")
            time.sleep(LOOK_SECONDS)

    def _refuse(self, path: Path, refusal: Refusal) -> None:
        with self._lock:
            if refusal.times is not None and self._refused[path] >= refusal.times:
                return
            self._refused[path] += 1
        raise LoadFailure(Code[refusal.code], refusal.message)
