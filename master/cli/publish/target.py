"""Where a version goes: `gs://BUCKET/[PREFIX/]MODEL/[VERSION]`, and which number it gets when none is given."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from events.names import MAX_VERSION, BadName, ModelName, Version, parse_prefix, version_in

_URL = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/(.+)", re.ASCII)


class BadTarget(ValueError):
    """An address that names no model in a bucket."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model's folder in a bucket; `version` is None where it is still to be chosen."""

    bucket: str
    prefix: str
    model: ModelName
    version: Version | None = None

    @property
    def model_folder(self) -> str:
        """What the names of the model's objects start with."""
        return f"{self.prefix}{self.model}/"

    def folder(self, version: Version) -> str:
        """What the names of a version's objects start with."""
        return f"{self.model_folder}{version}/"

    def url(self, version: Version) -> str:
        """A version's address."""
        return f"gs://{self.bucket}/{self.folder(version)}"


def parse(url: str) -> Target:
    """Read an address; the last part is the version if it is a number and not the only part."""
    found = _URL.fullmatch(url)
    if not found:
        raise BadTarget(f"{url!a} is not gs://BUCKET/[PREFIX/]MODEL/[VERSION]")
    parts = found[2].removesuffix("/").split("/")
    if "" in parts:
        raise BadTarget(f"{url!a} has an empty part")
    version = None
    try:
        if len(parts) > 1 and parts[-1].isdigit():
            version = Version.parse(parts.pop())
        model = ModelName.parse(parts.pop())
        return Target(found[1], parse_prefix("/".join(parts)), model, version)
    except BadName as error:
        raise BadTarget(f"{url!a}: {error}") from error


def spelled_otherwise(folders: Iterable[str], version: Version) -> str:
    """Find a folder that TensorFlow Serving takes for the same version, such as 007 for 7; empty where none is."""
    return next((name for name in folders if version_in(name) == version and name != str(version)), "")


def higher(folders: Iterable[str], version: Version) -> Version | None:
    """Find the highest version above this one."""
    return max((one for name in folders if (one := version_in(name)) is not None and one > version), default=None)


def next_version(there: Iterable[Version], *, unix_time: float) -> Version:
    """Choose the seconds since 1970, or one more than the highest version if that is higher.

    A number made of time is never used twice, not even after a version was deleted from the bucket, which nodes may
    still hold, or hold in quarantine.
    """
    highest = max(there, default=Version(-1))
    if highest >= MAX_VERSION:
        raise BadTarget(f"version {highest} is the highest there can be; name a version yourself, or use another model")
    return Version(max(int(unix_time), highest + 1))
