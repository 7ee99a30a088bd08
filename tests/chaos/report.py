"""What a person reads after a run, in Markdown: what was done, what went wrong, how it recovered, what grew."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.local.faults import points
from tests.chaos.growth import Change, table
from tests.chaos.observations import Answer, Seen
from tests.chaos.plan import Fault
from tests.chaos.rules import Violation


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is over."""

    seed: int
    seconds: float
    again: str  # the command that makes it again
    software: str  # the commit
    machine: str
    lasted_seconds: float
    bound_seconds: float
    counts: Mapping[str, int]
    faults: Mapping[Fault, int]
    spoilt: Mapping[str, int]  # what the bucket proxy did to requests
    steps: Mapping[str, frozenset[str]]  # service -> the named steps that were reached
    violations: Sequence[Violation]


def write(ran: Ran, seen: Seen) -> str:
    """Write the report."""
    verdict = f"FAILED: {len(ran.violations)} violations" if ran.violations else "passed: no rule was violated"
    return "\n".join(
        [
            f"# Chaos run, seed {ran.seed}, {ran.seconds:g} seconds: {verdict}",
            "",
            f"Commit {ran.software}; {ran.machine}; {ran.lasted_seconds:.0f} s with start and recovery.",
            f"Again: `{ran.again}`.",
            "",
            *_violations(ran.violations),
            "## Done",
            "",
            *_rows(("operation", "times"), sorted(ran.counts.items())),
            *_rows(("fault", "times"), sorted((fault.value, count) for fault, count in ran.faults.items())),
            *_rows(("what the bucket proxy did", "requests"), sorted(ran.spoilt.items())),
            *_rows(("service", "named steps reached", "never", "without a name"), _steps(ran.steps)),
            "## Checked",
            "",
            *_rows(("what", "how much"), _checks(seen)),
            *_silences(seen),
            "## Recovery",
            "",
            f"After the last fault, within {ran.bound_seconds:g} s (3 poll periods):",
            "",
            *_rows(("node", "seconds"), [(one.node, _seconds(one.seconds)) for one in seen.recoveries]),
            "## Growth",
            "",
            "At rest before the first fault, the most at any time, and at rest after the last one:",
            "",
            *_growth(table(seen.samples)),
        ]
    )


def _steps(reached: Mapping[str, frozenset[str]]) -> list[tuple[str, str, str, str]]:
    named = {"puller": points.PULLER, "configurator": points.CONFIGURATOR}
    return [
        (
            name,
            f"{len(found & named[name])} of {len(named[name])}",
            _list(named[name] - found),
            _list(found - named[name]),
        )
        for name, found in reached.items()
    ]


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _violations(violations: Iterable[Violation]) -> list[str]:
    lines = [f"- rule {one.rule}, at {one.at:.1f} s: {one.words}" for one in violations]
    return ["## Violations", "", *lines, ""] if lines else []


def _checks(seen: Seen) -> list[tuple[str, str]]:
    first: dict[tuple[str, str], float] = {}
    for answer in seen.answers:
        if not answer.error:
            first.setdefault((answer.node, answer.model), answer.at)
    asked = [one for one in seen.answers if one.asked > first.get((one.node, one.model), float("inf"))]
    silent = sum(bool(answer.error) for answer in asked)
    return [
        ("Predict calls after a model's first answer", f"{len(asked)}, of which {silent} were not answered"),
        ("versions that TensorFlow Serving was told to serve", f"{len(seen.told)}"),
        ("of which gone before they could be read", f"{len(seen.told - {look.place for look in seen.looks})}"),
        ("times that one was read whole", f"{len(seen.looks)}"),
        ("different contents among them", f"{len({(look.place, look.digest) for look in seen.looks})}"),
        ("contents uploaded", f"{len(seen.uploads)}"),
        ("of which changed after they were signed", f"{sum(one.is_tampered for one in seen.uploads)}"),
        ("samples of processes and folders", f"{len(seen.samples)}"),
        ("times that a node was named for wrong bytes", f"{len(seen.named)}"),
    ]


def _silences(seen: Seen) -> list[str]:
    """Say how often, and for what reason, silence was excused."""
    reasons = Counter(window.why for window in seen.windows)
    longest = _longest_silence(seen.answers)
    rows = [(why, str(count)) for why, count in sorted(reasons.items())]
    return [*_rows(("silence is excused by", "windows"), rows), f"Longest silence of one model: {longest:.1f} s.", ""]


def _longest_silence(answers: Iterable[Answer]) -> float:
    longest = 0.0
    last: dict[tuple[str, str], float] = {}
    for answer in answers:
        key = (answer.node, answer.model)
        if not answer.error:
            longest = max(longest, answer.at - last.get(key, answer.at))
            last[key] = answer.at
    return longest


def _growth(changes: Iterable[Change]) -> list[str]:
    rows = [(one.name, one.measure, f"{one.before:g}", f"{one.most:g}", f"{one.after:g}") for one in changes]
    return _rows(("of", "measure", "before", "most", "after"), rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""]


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"
