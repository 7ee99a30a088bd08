"""Two rules that no library checks: `python -m infra.rules`, part of `make check`.

**Bounds**: JSON is weighed (`events/cost.py`) before it is read, and every collection of a document has a greatest
length (`events/bounds.py`). **Isolation**: what a pass does for one version or model runs in `service/isolation.py`.
Both look at the text of the code. What they let through by name stands below, with the reason.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READING = ("events", "service", "puller", "configurator", "master")
DOCUMENTS = ("events", "service", "puller", "configurator")
READS = frozenset({"model_validate_json", "validate_json"})
WEIGHS = frozenset({"problem", "too_big"})
COLLECTIONS = frozenset({"list", "tuple", "dict", "set", "frozenset", "Mapping", "Sequence", "Iterable"})
BOUNDED = frozenset({"AtMost", "Listed"})
ALONE = frozenset({"alone", "alone_async", "each", "each_async", "models"})  # render.models does each by itself

# Functions that read JSON which nobody weighs: where it comes from, that it is no danger.
OURS: Mapping[str, str] = {
    "events/status.py:presence": "a kilobyte at most, measured there",
    "events/status.py:any_presence": "a kilobyte at most, measured there",
    "service/jetstream.py:state": "the NATS server's own answer, a message at most",
    "service/google_access.py:credentials": "a file that the operator named",
    "service/desired.py:load": "this service's own copy of what was weighed before it was kept",
    "service/folder_lock.py:_read": "cut at so many bytes where it is read",
    "puller/disk/journal.py:read": "the puller's own notes, a line each",
    "master/desired/idempotency.py:recall": "written by masters alone",
    "master/fleet/cells.py:_read": "weighed with the whole report in master/fleet/reports.py",
    "master/desired/store.py:_change": "a header, which NATS bounds, of a change",
    "master/commands/gathering.py:_read": "weighed by its caller, which answers in the node's place",
    "master/api/bodies.py:parse": "a body, which the API bounds before it is read",
    "master/cli/client/api.py:change": "an answer of the operator's own master",
    "master/cli/client/api.py:command": "an answer of the operator's own master",
    "master/cli/client/api.py:forget": "an answer of the operator's own master",
    "master/cli/client/api.py:_get": "an answer of the operator's own master",
    "master/cli/client/api.py:_words": "an answer of the operator's own master",
    "master/cli/proof.py:render": "statements that the command itself has just written",
    "master/cli/commands/follow.py:_entry": "an answer of the operator's own master",
}

# What handles one version or one model, by file: it may be used within `alone` and `each`, and by its like.
STEPS: Mapping[str, frozenset[str]] = {
    "configurator/observe.py": frozenset({"_labels", "_policy"}),
    "configurator/attestor.py": frozenset({"_make", "_version"}),
    "configurator/versions/disk.py": frozenset({"_folder"}),
    "configurator/versions/assessment.py": frozenset({"_judge_one", "_is_wanted_again"}),
    "configurator/versions/health_checks.py": frozenset({"_test", "_quarantine"}),
    "configurator/plan.py": frozenset({"_settle"}),
    "configurator/versions/confirmed_versions.py": frozenset({"_good", "_startable"}),
    "configurator/versions/retention.py": frozenset({"_idle"}),
    "configurator/versions/cleanup.py": frozenset({"_remove", "_tidy"}),
    "configurator/sender.py": frozenset({"_is_there", "_remove"}),
    "configurator/serving/render.py": frozenset({"model"}),
    "configurator/explain.py": frozenset({"difference"}),
    "configurator/status.py": frozenset({"_model"}),
    "configurator/event_emitter.py": frozenset({"_see"}),
    "configurator/serving/sample_request.py": frozenset({"check"}),
    "puller/reconcile.py": frozenset({"_take_step"}),
    "puller/plan.py": frozenset({"decide"}),
    "puller/bucket/completeness.py": frozenset({"assess"}),
    "puller/bucket/objects.py": frozenset({"_remote_file"}),
    "puller/download/jobs.py": frozenset({"_tell_failure"}),
}

ALL_STEPS = frozenset({"configurator/serving/sample_request.py"})  # every function in it is a part of one

# Things outside whose methods with a version or model in their signature are steps, too, by the names they have in use.
EDGES: Mapping[str, frozenset[str]] = {
    "configurator/versions/disk.py": frozenset({"disk", "_disk"}),
    "configurator/observe.py": frozenset({"serving", "_serving"}),
    "configurator/serving/sample_request.py": frozenset({"predicts", "_predicts"}),
}
ONE = frozenset({"Key", "ModelName", "Version", "Quarantine"})


def main() -> int:
    """Check the checkout; the exit code."""
    problems = [*unweighed(ROOT), *unbounded(ROOT), *together(ROOT)]
    for problem in problems:
        sys.stderr.write(f"rules: {problem}\n")
    return 1 if problems else 0


def unweighed(root: Path) -> Iterator[str]:
    """Name the places that read JSON which was not weighed in the same function."""
    excused = set(OURS)
    for name, tree in _modules(root, READING):
        for function in _functions(tree):
            nodes = list(_inside(function))
            calls = [node.lineno for node in nodes if isinstance(node, ast.Call) and _called(node) in WEIGHS]
            for read in (node for node in nodes if _is_read(node) and node.lineno < min(calls, default=sys.maxsize)):
                excused.discard(f"{name}:{function.name}")
                if f"{name}:{function.name}" not in OURS:
                    yield f"{name}:{read.lineno} {function.name} reads JSON before it is weighed (events/bounds.py)"
    yield from (f"infra/rules.py: {place} reads no JSON any more; take it off the list" for place in sorted(excused))


def unbounded(root: Path) -> Iterator[str]:
    """Name the collections of documents that have no greatest length."""
    modules = list(_modules(root, DOCUMENTS))
    documents = _documents([tree for _, tree in modules])
    for name, tree in modules:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and documents & {_last(base) for base in node.bases}:
                for line in node.body:
                    if isinstance(line, ast.AnnAssign) and _is_unbounded(line.annotation):
                        yield f"{name}:{line.lineno} {node.name} has a collection without AtMost (events/bounds.py)"


def together(root: Path) -> Iterator[str]:
    """Name the places where a step for one version or model is taken outside the isolating functions."""
    methods = {use: _methods_of_one(root / name) for name, uses in EDGES.items() for use in uses}
    for name, tree in _modules(root, ("configurator", "puller")):
        walk = _Walk(name, _named_steps(name, tree), methods if name.startswith("configurator/") else {})
        walk.visit(tree)
        yield from walk.problems


@dataclass(slots=True)
class _Walk(ast.NodeVisitor):
    """Goes through a module, and knows whether it is inside of an isolating call or of another step."""

    name: str
    steps: frozenset[str]  # as they are written in this module
    methods: Mapping[str, frozenset[str]]
    is_inside: bool = False
    problems: list[str] = field(default_factory=list)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Look into a function; a step may take others."""
        self._into(node, node.name in STEPS.get(self.name, frozenset()) or self.name in ALL_STEPS)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Look into a function; a step may take others."""
        self._into(node, node.name in STEPS.get(self.name, frozenset()) or self.name in ALL_STEPS)

    def visit_Call(self, node: ast.Call) -> None:
        """Look into a call; what an isolating one is given is inside."""
        given = [node.func, *node.args]
        self._into(node, _called(node) in ALONE or any(_last(one) in ALONE for one in given))

    def visit_Name(self, node: ast.Name) -> None:
        """Judge a name."""
        if isinstance(node.ctx, ast.Load) and node.id in self.steps:
            self._judge(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Judge a name behind a dot."""
        owner = _last(node.value)
        if f"{owner}.{node.attr}" in self.steps or node.attr in self.methods.get(owner, frozenset()):
            self._judge(node, f"{owner}.{node.attr}")
        self.generic_visit(node)

    def _into(self, node: ast.AST, is_inside: bool) -> None:  # noqa: FBT001 - private, one fact
        before, self.is_inside = self.is_inside, self.is_inside or is_inside
        self.generic_visit(node)
        self.is_inside = before

    def _judge(self, node: ast.expr, step: str) -> None:
        if not self.is_inside:
            self.problems.append(f"{self.name}:{node.lineno} takes {step} outside service/isolation.py")


def _named_steps(name: str, tree: ast.Module) -> frozenset[str]:
    """All steps as a module writes them: its own by name or behind `self`, others' behind their module, or imported."""
    own = STEPS.get(name, frozenset())
    others = {f"{Path(file).stem}.{step}" for file, steps in STEPS.items() for step in steps if file != name}
    packages = {file: file.removesuffix(".py").replace("/", ".") for file in STEPS}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for file, module in packages.items()
        if module == node.module
        for alias in node.names
        if alias.name in STEPS[file]
    }
    return frozenset({*own, *(f"self.{step}" for step in own), *others, *imported})


def _methods_of_one(path: Path) -> frozenset[str]:
    """The public methods in a file that take one version or model."""
    found = set()
    for function in _functions(ast.parse(path.read_text())):
        types = [one.annotation for one in function.args.args if one.annotation is not None]
        if not function.name.startswith("_") and any(isinstance(one, ast.Name) and one.id in ONE for one in types):
            found.add(function.name)
    return frozenset(found)


def _documents(trees: list[ast.Module]) -> frozenset[str]:
    """The names of all classes that come from pydantic's BaseModel, settings aside."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {"BaseModel"}
    while more := {one.name for one in classes if found & {_last(base) for base in one.bases}} - found:
        found |= more
    return frozenset(found)


def _inside(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """What is in a function, aside from what is in functions within it."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.expr):
            yield node


def _is_unbounded(annotation: ast.expr) -> bool:
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    return bool(names & COLLECTIONS) and "ClassVar" not in names and not names & BOUNDED


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and (
        node.attr in READS or (node.attr in {"load", "loads"} and _last(node.value) == "json")
    )


def _called(call: ast.Call) -> str:
    return _last(call.func)


def _last(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _last(value)
        case _:
            return ""


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _modules(root: Path, packages: tuple[str, ...]) -> Iterator[tuple[str, ast.Module]]:
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            yield path.relative_to(root).as_posix(), ast.parse(path.read_text())


if __name__ == "__main__":
    sys.exit(main())
