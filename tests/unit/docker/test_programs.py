"""The small programs around the containers: filling the bucket, bills of materials, locked downloads."""

import json
import os
from pathlib import Path

import pytest

from events.names import ModelName, Version
from infra.docker import sbom
from infra.docker.fill import RECIPES, versions
from infra.docker.line import Line, write
from infra.docker.offline.engine import owner
from infra.docker.offline.programs import WHEELS, lock_of, locked
from infra.docker.offline.shell import Failed
from master.cli.publish.folder import check

STATUS = """\
Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b7
Description: shell
 with: words

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""


def test_made_models_are_whole_versions(tmp_path: Path) -> None:
    """A version made without TensorFlow passes the check that publishing makes of a SavedModel."""
    write(Line(2.0, 1.0), tmp_path / "1", with_smoke=True, padding=1024)
    assert check(tmp_path / "1").keys() == {"saved_model.pb", "assets.extra/smoke.json", "assets.extra/padding.bin"}


def test_sample_holds_the_right_answers(tmp_path: Path) -> None:
    """The sample a made version brings is what its line answers."""
    write(Line(2.0, 1.0), tmp_path / "1", with_smoke=True)
    sample = json.loads((tmp_path / "1/assets.extra/smoke.json").read_text())
    assert sample["outputs"]["y"] == [2.0 * x + 1.0 for x in sample["instances"]["x"]]


def test_versions_are_read_from_object_names() -> None:
    """Only objects of a version count towards the next number."""
    names = ["pre/m/1/a", "pre/m/12/a/b", "pre/m/latest/a", "pre/m/007/a", "pre/m/readme"]
    assert versions(names, prefix="pre/") == {Version(1), Version(7), Version(12)}


def test_models_of_the_fill_have_names_and_answers_of_their_own() -> None:
    """No two models of the fill answer alike, so that a mix-up shows."""
    lines = {recipe.line(Version(1)) for recipe in RECIPES}
    assert len(lines) == len(RECIPES)
    assert all(ModelName.parse(recipe.model) == recipe.model for recipe in RECIPES)


def test_bill_lists_what_is_installed(tmp_path: Path) -> None:
    """Debian's packages are listed while they are installed, with a purl that says where they are from."""
    (tmp_path / "status").write_text(STATUS)
    (bash,) = sbom.debian(tmp_path / "status")
    assert bash["purl"] == "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64"


def test_bill_lists_python() -> None:
    """Python's distributions are listed, too."""
    assert any(one["name"] == "pydantic" for one in sbom.python())


@pytest.mark.parametrize("name", WHEELS)
def test_downloads_are_locked(name: str) -> None:
    """A program out of a wheel comes with the hashes of the lock file."""
    assert lock_of(name).startswith(f"{WHEELS[name].distribution}==")
    assert "--hash=sha256:" in lock_of(name)


def test_an_old_pid_file_names_nobody(tmp_path: Path) -> None:
    """A process id that is another program's by now, or no process's, does not pass for a running engine."""
    file, comm = tmp_path / "docker.pid", Path(f"/proc/{os.getpid()}/comm").read_text().strip()
    assert owner(file, "dockerd") is None
    file.write_text(f"{os.getpid()}\n")
    assert owner(file, "dockerd") is None
    assert owner(file, comm) == os.getpid()


def test_a_distribution_that_is_not_locked_is_not_downloaded() -> None:
    """Without hashes there is no download, but a sentence."""
    with pytest.raises(Failed, match="make lock"):
        locked("other", "some==1 \\\n    --hash=sha256:00\n")
