"""The dashboard reads and writes JSON without rounding an integer; run by Node.js, as `make check` is."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from events.names import MAX_VERSION
from master.api.dashboard import FOLDER

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed; `make check` asks for it")
LARGE = 20240101123456789


def run(script: str, given: str, folder: Path) -> str:
    """Run a script that has `read`, `write`, `whole` and the text that it is given."""
    (folder / "json.mjs").write_bytes((FOLDER / "base" / "json.js").read_bytes())
    head = 'import { read, write, whole } from "./json.mjs"; const given = process.argv[2];'
    (folder / "run.mjs").write_text(f"{head}\nprocess.stdout.write(String({script}));\n", encoding="utf-8")
    done = subprocess.run(
        [NODE or "", str(folder / "run.mjs"), given], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "value",
    [
        LARGE,
        MAX_VERSION,
        -MAX_VERSION,
        2**53 - 1,
        2**53,
        2**53 + 1,
        10**25,
        0.12345678901234567,
        {"version": LARGE, "serving": [1, LARGE, LARGE - 1], "labels": {"stable": LARGE}},
        [f'a text with "{LARGE}", a \\ and : {LARGE}', LARGE],
        [f"#{LARGE}", f"##{LARGE}", {f"#{LARGE}": LARGE}, '"#'],
        {str(LARGE): str(LARGE), "since": "2026-11-27T04:37:15.123456Z", "long": "ä\u2028" * 1000},
        [None, True, "", {}, []],
    ],
)
def test_what_is_read_and_written_again_is_the_same(value: object, tmp_path: Path) -> None:
    """Every digit of an integer stays, wherever it stands; texts are left alone, whatever they hold."""
    assert json.loads(run("write(read(given))", json.dumps(value), tmp_path)) == value


def test_an_integer_that_a_number_would_round_is_a_bigint_and_others_are_numbers(tmp_path: Path) -> None:
    """Sizes and counts can be reckoned with as ever; equal versions are equal, larger ones larger."""
    script = "(([a, b, c]) => `${typeof a} ${typeof b} ${a === read(String(a))} ${b > a} ${c}`)(read(given))"
    assert run(script, json.dumps([7, LARGE, [LARGE - 1, LARGE]]), tmp_path) == (
        f"number bigint true true {LARGE - 1},{LARGE}"
    )


def test_what_somebody_types_is_a_whole_number_or_refused(tmp_path: Path) -> None:
    """Nothing typed becomes a null that would mean something else."""
    assert run("write([whole('3'), whole(given)])", str(LARGE), tmp_path) == f"[3,{LARGE}]"
    told = run("(() => { try { return whole(given); } catch (error) { return error.message; } })()", "two", tmp_path)
    assert told == "“two” is no whole number"


def test_a_text_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """An answer that was cut off is told from a whole one."""
    script = "(() => { try { return read(given); } catch (error) { return error.name; } })()"
    assert run(script, f'{{"version": {LARGE}, "mo', tmp_path) == "SyntaxError"
