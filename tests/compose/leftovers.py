"""What test runs left that were killed: the engine keeps their containers, and starts them again with itself."""

from collections.abc import Iterable
from pathlib import Path

from tests.compose.containers import docker

PREFIX = "mm-test-"
LABEL = "com.docker.compose.project"


def project(pid: int) -> str:
    """The project name of a process's run."""
    return f"{PREFIX}{pid}"


def sweep() -> set[str]:
    """Remove the stacks of runs whose process is gone; their names."""
    names = docker("ps", "--all", "--filter", f"label={LABEL}", "--format", f'{{{{.Label "{LABEL}"}}}}').split()
    left = orphans(names, alive={entry.name for entry in Path("/proc").iterdir()})
    for name in left:
        of_it = ("--quiet", "--filter", f"label={LABEL}={name}")
        for listing, removal in (
            (("ps", "--all"), ("rm", "--force", "--volumes")),
            (("network", "ls"), ("network", "rm")),
            (("volume", "ls"), ("volume", "rm", "--force")),
        ):
            if found := docker(*listing, *of_it).split():
                docker(*removal, *found)
    return left


def orphans(projects: Iterable[str], *, alive: set[str]) -> set[str]:
    """Those projects that are of test runs, none of which is alive."""
    return {
        name
        for name in projects
        if name.startswith(PREFIX) and (pid := name.removeprefix(PREFIX)).isdecimal() and pid not in alive
    }
