"""Fill the emulated bucket: make the next version of each of a few models and upload it, as a trainer would.

`python -m infra.docker.fill`, in the compose file `fill_remote_directory_with_models`. What a version answers follows
from its number, so that whoever asks the nodes can tell whether an answer is right: version 7 of `double_plus` answers
y = 2 x + 7.
"""

import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from events.names import ModelName, Version, parse_prefix, version_in
from infra.docker.line import Line, write
from infra.local.bucket import Bucket
from infra.local.upload import Upload


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model whose versions are made here, and how they are uploaded."""

    model: ModelName
    slope: float
    with_smoke: bool
    with_manifest: bool

    def line(self, version: Version) -> Line:
        """What a version answers."""
        return Line(self.slope, float(version))


RECIPES = (
    Recipe(ModelName("half_plus"), 0.5, with_smoke=True, with_manifest=True),
    Recipe(ModelName("double_plus"), 2.0, with_smoke=False, with_manifest=True),
    Recipe(ModelName("plain_plus"), 1.0, with_smoke=False, with_manifest=False),  # taken when nothing changes any more
)


def main() -> int:
    """Fill, and say with what."""
    prefix = parse_prefix(os.environ.get("MM_PREFIX", ""))
    url, name = os.environ.get("MM_GCS_URL", "http://127.0.0.1:4443"), os.environ.get("MM_BUCKET", "models")
    with Bucket(url, name=name, project=os.environ.get("MM_PROJECT", "model-manager")) as bucket:
        bucket.create()
        for recipe in RECIPES:
            version = Version(max(versions(bucket.names(f"{prefix}{recipe.model}/"), prefix=prefix), default=0) + 1)
            upload(bucket, recipe, version=version, prefix=prefix)
            line = recipe.line(version)
            sys.stdout.write(f"uploaded version {version} of {recipe.model}: y = {line.slope:g} x + {line.offset:g}\n")
    return 0


def upload(bucket: Bucket, recipe: Recipe, *, version: Version, prefix: str = "") -> None:
    """Make one version and upload it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / str(version)
        write(recipe.line(version), folder, with_smoke=recipe.with_smoke)
        sending = Upload(bucket, prefix=prefix, model=recipe.model, version=version)
        sending.send(folder, with_manifest=recipe.with_manifest)


def versions(names: Iterable[str], *, prefix: str = "") -> set[Version]:
    """The versions that objects of one model are of."""
    found = set()
    for name in names:
        parts = name.removeprefix(prefix).split("/")
        if len(parts) > 1 and (version := version_in(parts[1])) is not None:  # else the puller passes it over, too
            found.add(version)
    return found


if __name__ == "__main__":
    sys.exit(main())
