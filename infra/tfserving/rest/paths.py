"""What a request's method and path ask for.

Paths match in any letter case, but the verb and `metadata` count only in lower case: such a path is malformed, or
asks for the status. The query belongs to the path. All as TensorFlow Serving has it.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from infra.tfserving.rest.json_text import refused
from infra.tfserving.servable import Code, RequestFailure

MODEL = r"/v1/models/(?P<model>[^/:]+)"
VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
INFERENCE = re.compile(rf"(?i){MODEL}{VERSION}:(?P<verb>classify|regress|predict)", re.ASCII)
STATUS = re.compile(rf"(?i)/v1/models(?:/(?P<model>[^/:]+))?{VERSION}(?:/(?P<verb>metadata))?", re.ASCII)
MAX_VERSION = 2**63 - 1


class BadVersion(RequestFailure):
    """A version that is no int64; TensorFlow Serving answers it without a body."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model, maybe one version of it, and what is wanted of it."""

    verb: str  # "predict", "classify", "regress", "metadata" or "status"
    model: str
    version: int | None
    label: str | None


def is_ours(path: str) -> bool:
    """Tell the paths this API answers, be it with an error."""
    return path.lower().startswith("/v1/")


def parse_target(method: str, path: str) -> Target:
    """Read a path, still percent-encoded and with its query, or raise `RequestFailure`."""
    found = {"POST": INFERENCE, "GET": STATUS}[method].fullmatch(path) if method in ("GET", "POST") else None
    version = int(found["version"]) if found and found["version"] else None
    if version is not None and version > MAX_VERSION:
        raise BadVersion(Code.INVALID_ARGUMENT, f"Failed to convert version: {version} to numeric.")
    verb = (found["verb"] or "") if found else ""
    if not found or (method == "POST" and not verb.islower()):
        raise refused(f"Malformed request: {method} {path}")
    if method == "GET" and verb != "metadata":
        verb = "status"
    label = unquote(found["label"]) if found["label"] else None
    return Target(verb, unquote(found["model"] or ""), version, label)
