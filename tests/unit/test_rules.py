"""The rules of `make check` hold, and see what breaks them."""

from pathlib import Path

import pytest

from infra import rules


def test_the_checkout_keeps_them() -> None:
    """No JSON from outside is read before it is weighed, and no step for one version is taken outside."""
    assert [*rules.unweighed(rules.ROOT), *rules.unbounded(rules.ROOT), *rules.together(rules.ROOT)] == []


def test_every_step_and_every_edge_that_is_named_exists() -> None:
    """A step that was renamed would be watched no more."""
    for name, steps in rules.STEPS.items():
        text = (rules.ROOT / name).read_text()
        assert [step for step in steps if f"def {step}(" not in text] == []
    for name in rules.EDGES:
        assert rules._methods_of_one(rules.ROOT / name)


def checkout(folder: Path, name: str, code: str) -> Path:
    """Make a checkout of one module beside what the rules look up."""
    for edge in rules.EDGES:
        (folder / edge).parent.mkdir(parents=True, exist_ok=True)
        (folder / edge).write_text("class D:\n    def remove(self, key: Key) -> None: ...\n")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(code)
    return folder


@pytest.mark.parametrize(
    "code",
    [
        "def read(data):\n    return Document.model_validate_json(data)\n",
        "def read(data):\n    return json.loads(data)\n",
        "def read(data):\n    found = json.loads(data)\n    BOUNDS.problem(data)\n    return found\n",
        "def read(data):\n    BOUNDS.problem(data)\n    def inner(): return json.loads(data)\n    return inner()\n",
        "def read(reply):\n    return use(reply, TypeAdapter(kind).validate_json)\n",
    ],
)
def test_json_that_nobody_weighed_is_named(tmp_path: Path, code: str) -> None:
    """Also where the weighing comes too late, or stands in another function."""
    found = [one for one in rules.unweighed(checkout(tmp_path, "events/new.py", code)) if "events/new.py" in one]
    assert len(found) == 1
    assert "before it is weighed" in found[0]


def test_json_that_was_weighed_is_fine(tmp_path: Path) -> None:
    """A name on the list that reads nothing is not."""
    code = "def read(data):\n    if BOUNDS.problem(data): raise ValueError\n    return json.loads(data)\n"
    found = list(rules.unweighed(checkout(tmp_path, "events/new.py", code)))
    assert not [one for one in found if "events/new.py" in one]
    assert len(found) == len(rules.OURS)


@pytest.mark.parametrize(
    ("line", "is_named"),
    [
        ("files: list[str]", True),
        ("labels: Mapping[str, int] = {}", True),
        ("report: dict[str, object] | None = None", True),
        ("files: Annotated[list[str], AtMost(9)]", False),
        ("models: Annotated[dict[str, Listed[int]], AtMost(9)]", False),
        ("name: str", False),
    ],
)
def test_a_document_with_a_list_of_any_length_is_named(tmp_path: Path, line: str, is_named: bool) -> None:
    """Also in a class whose base comes from another module."""
    root = checkout(tmp_path, "events/base.py", "class _Base(BaseModel):\n    pass\n")
    checkout(tmp_path, "puller/new.py", f"class New(_Base):\n    {line}\n\nclass Value:\n    names: list[str]\n")
    found = list(rules.unbounded(root))
    assert (found == ["puller/new.py:2 New has a collection without AtMost (events/bounds.py)"]) is is_named


BARE = {
    "a loop": "def go(self, keys):\n    for key in keys:\n        self._disk.remove(key)\n",
    "in a thread": "async def go(self, key):\n    await asyncio.to_thread(self._disk.remove, key)\n",
    "a step by name": "def go(view):\n    return {name: _tidy(view, name) for name in view}\n",
    "a step of a module": "def go(view):\n    return explain.difference(view, 'm')\n",
    "an imported step": "from configurator.plan import _settle\ndef go(view):\n    return _settle(view, 'm')\n",
}
KEPT = {
    "each": "def go(self, keys):\n    return each(keys, self._disk.remove)\n",
    "a thread": "def go(self, k):\n    return each_async(k, lambda one: asyncio.to_thread(self._disk.remove, one))\n",
    "each in a thread": "async def go(names):\n    await asyncio.to_thread(each, names, partial(_tidy, 1))\n",
    "alone": "def go(view):\n    return alone(explain.difference, view, 'm')\n",
    "a step takes others": "def _tidy(self, key):\n    self._disk.remove(key)\n",
    "another's method": "def go(self, keys):\n    keys.remove(1)\n",
}


@pytest.mark.parametrize("code", BARE.values(), ids=BARE)
def test_a_step_for_one_version_outside_is_named(tmp_path: Path, code: str) -> None:
    """However it is written."""
    found = list(rules.together(checkout(tmp_path, "configurator/versions/cleanup.py", code)))
    assert len(found) == 1
    assert "outside service/isolation.py" in found[0]


@pytest.mark.parametrize("code", KEPT.values(), ids=KEPT)
def test_a_step_inside_is_fine(tmp_path: Path, code: str) -> None:
    """In `alone` and `each`, and in another step."""
    assert list(rules.together(checkout(tmp_path, "configurator/versions/cleanup.py", code))) == []
