"""`model-manager` as `make setup` installs it: a command of the checkout, from any folder."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("model-manager")
needs_program = pytest.mark.skipif(not PROGRAM.exists(), reason="this environment was not made by `make setup`")


@needs_program
@pytest.mark.parametrize("way", ["direct", "link"])
def test_it_runs_anywhere_and_takes_no_code_from_there(tmp_path: Path, way: str) -> None:
    """A folder with a module called like one of ours is a folder like any other; a link to the program will do, too."""
    (tmp_path / "events.py").write_text("raise SystemExit('code out of the working folder was run')\n")
    (tmp_path / "link").symlink_to(PROGRAM)
    program = {"direct": PROGRAM, "link": tmp_path / "link"}[way]
    done = subprocess.run([program, "token", "ci"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ci:viewer:" in done.stdout
