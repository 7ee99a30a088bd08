"""The modules that a program needs, found by following its imports; what is ours and what comes from elsewhere."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OURS = frozenset({"events", "service", "master", "puller", "configurator", "infra"})


@dataclass(frozen=True, slots=True)
class Closure:
    """Our modules by name, with their files."""

    modules: dict[str, Path]


def closure(root: Path, programs: Sequence[str]) -> Closure:
    """Follow the imports of these modules, those inside functions and for types, too."""
    found: dict[str, Path] = {}
    waiting = list(programs)
    while waiting:
        name = waiting.pop()
        if name in found or (path := _file(root, name)) is None:
            continue
        found[name] = path
        waiting += [parent for parent, _, _ in [name.rpartition(".")] if parent]
        waiting += [one for one in imported(path.read_text(encoding="utf-8")) if one.partition(".")[0] in OURS]
    return Closure(dict(sorted(found.items())))


def imported(source: str) -> Iterator[str]:
    """Name every module that a source may import; `from a import b` names a and a.b."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                yield from (f"{module}.{one.name}" for one in names)
            case _:
                pass


def moved(source: str, package: str) -> str:
    """Rewrite a source so that it imports our modules from inside `package`; `ValueError` where that cannot be done."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names) if any(one.name.partition(".")[0] in OURS for one in names):
                raise ValueError(f"line {node.lineno}: write `from … import …` for modules of ours")
            case ast.ImportFrom(module=str(module), level=0) if module.partition(".")[0] in OURS:
                line = lines[node.lineno - 1]
                lines[node.lineno - 1] = line.replace(f"from {module} import", f"from {package}.{module} import", 1)
            case _:
                pass
    return "".join(lines)


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next((one for one in (path / "__init__.py", path.with_suffix(".py")) if one.is_file()), None)
