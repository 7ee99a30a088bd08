"""Names of Google Cloud's projects, topics and subscriptions, in the forms that Google takes (issue 12).

A project goes by its id, by its number, or by an id of a domain (`example.com:my-project`). A topic and a subscription
go by their own name within a project, or by the whole path, which may be of another project.
"""

import re
from typing import Final, Literal

Kind = Literal["topics", "subscriptions"]

ID: Final = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
PROJECT: Final = rf"(?:(?:[a-z0-9](?:[a-z0-9.-]{{0,250}}[a-z0-9])?:)?{ID}|[0-9]{{1,19}})"
NAME: Final = r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
FORMS: Final = "my-project-123, 123456789 or example.com:my-project"
MAX_SHOWN: Final = 80  # characters of a wrong name that are repeated

_PROJECT: Final = re.compile(PROJECT, re.ASCII)
_NAME: Final = re.compile(NAME, re.ASCII)
_PATH: Final = re.compile(r"(?:.*/)?projects/([^/]+)(?:/(\w+)/([^/]+))?/?", re.ASCII)


def parse_project(text: str) -> str:
    """Return a project's id or number; empty means none. Raises ValueError with the right form of a wrong one."""
    if not text or _PROJECT.fullmatch(text):
        return text
    found = _PATH.fullmatch(text)
    if found and _PROJECT.fullmatch(found[1]):
        raise ValueError(f"{_shown(text)} is more than a project: write {found[1]}")
    if _PROJECT.fullmatch(text.lower()):
        raise ValueError(f"{_shown(text)} is not a project: ids have no capitals; write {text.lower()}")
    raise ValueError(
        f"{_shown(text)} is not a project's id or number, such as {FORMS}; `gcloud projects list` shows yours"
    )


def parse_name(kind: Kind, text: str) -> str:
    """Return a topic's or a subscription's name or path; empty means none.

    Raises ValueError with the right form of a wrong one.
    """
    if not text or _NAME.fullmatch(text):
        return text
    found = _PATH.fullmatch(text)
    if found is None or found[2] is None:
        raise ValueError(
            f"{_shown(text)} is not a Pub/Sub name (3 to 255 letters, digits and -._~+%, the first a letter, not "
            f"'goog'), nor projects/PROJECT/{kind}/NAME"
        )
    project, other, name = found.groups()
    if other != kind:
        raise ValueError(
            f"{_shown(text)} is one of the {other[:20]}: write projects/PROJECT/{kind}/NAME, or NAME alone"
        )
    if not (_PROJECT.fullmatch(project) and _NAME.fullmatch(name)):
        raise ValueError(f"{_shown(text)} is not projects/PROJECT/{kind}/NAME, with a project such as {FORMS}")
    right = f"projects/{project}/{kind}/{name}"
    if text != right:
        raise ValueError(f"{_shown(text)} is not the name that Pub/Sub takes: write {right}")
    return text


def path(kind: Kind, name: str, *, project: str) -> str:
    """Return the whole path; `project` counts where the name is of no other one."""
    return name if "/" in name else f"projects/{project}/{kind}/{name}"


def project_of(name: str) -> str:
    """Return the project that a path names; empty where it is a name alone."""
    return name.split("/")[1] if "/" in name else ""


def short(name: str) -> str:
    """Return the name without its path."""
    return name.rpartition("/")[2]


def are_same(one: str, other: str) -> bool:
    """Tell whether two paths may mean the same thing.

    Google answers with the id of a project that was asked for by number, and which number an id has cannot be told from
    here. So an id and a number are taken for the same project.
    """
    if one == other:
        return True
    projects = (project_of(one), project_of(other))
    return short(one) == short(other) and all(projects) and sum(project.isdigit() for project in projects) == 1


def _shown(text: str) -> str:
    return f"{text[:MAX_SHOWN]!a}"
