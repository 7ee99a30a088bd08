"""The next reload, as tables of what is known -> what is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from configurator.plan import READD_SECONDS, STUCK_SECONDS, Kind, awaited, plan, target
from configurator.serving.applied_config import AppliedConfig, Config, Entry, PendingReload
from configurator.serving.states import State, Status
from configurator.view import Model, View
from events.desired import Latest, Pinned, Policy
from events.names import ModelName, Version

M = ModelName("m")
OTHER = ModelName("other")
THIRD = ModelName("third")
NOW = 1000.0


def numbers(values: Iterable[int]) -> frozenset[Version]:
    return frozenset(map(Version, values))


def entry(*versions: int, held: bool = False, **labels: int) -> Entry:
    return Entry(numbers(versions), {label: Version(version) for label, version in labels.items()}, is_held=held)


def model(
    disk: Iterable[int] = (),
    *,
    good: Iterable[int] = (),
    up: Iterable[int] = (),
    states: Mapping[int, Status] | None = None,
    bad: Iterable[int] = (),
    **policy: object,
) -> Model:
    """Describe a model: versions on disk, good, available, in other states, and in quarantine."""
    statuses = {Version(version): Status(State.AVAILABLE) for version in up}
    return Model(
        policy=Policy.model_validate(policy),
        on_disk=numbers(disk),
        good=numbers(good),
        statuses={**statuses, **{Version(version): status for version, status in (states or {}).items()}},
        quarantined={Version(version): "broken" for version in bad},
    )


def view(config: Config | None, **models: Model) -> View:
    return View(NOW, {ModelName(name): one for name, one in models.items()}, AppliedConfig(config=config))


def sent(seen: View) -> tuple[Kind, Config] | None:
    """Return the kind and config of the next reload."""
    reload = plan(seen).reload
    return (reload.kind, reload.config) if reload else None


LOADING = {2: Status(State.LOADING)}
FAILED = {2: Status(State.END, 5, "gone")}
PIN = Pinned(versions=(Version(1),))
STEPS = {
    "nothing known": (view(None), None),
    "a start says again what is served": (
        view(None, m=model([1, 2], good=[1], up=[1])),
        (Kind.ADOPT, {M: entry(1)}),
    ),
    "a start keeps what is being loaded": (
        view(None, m=model([1, 2], good=[1], up=[1], states=LOADING)),
        (Kind.ADOPT, {M: entry(1, 2)}),
    ),
    "a start with nothing served sends an empty list first": (view(None, m=model([1])), (Kind.ADOPT, {})),
    "a model is introduced": (view({}, m=model([1])), (Kind.NEW, {M: entry(1)})),
    "a model without versions is not": (view({}, m=model()), None),
    "where nothing is served all are introduced at once": (
        view({}, m=model([1]), other=model([1])),
        (Kind.NEW, {M: entry(1), OTHER: entry(1)}),
    ),
    "where something is served, the first alone": (
        view({THIRD: entry(1)}, m=model([1]), other=model([1]), third=model([1], good=[1], up=[1])),
        (Kind.NEW, {THIRD: entry(1), M: entry(1)}),
    ),
    "one that was good goes first": (
        view({THIRD: entry(1)}, m=model([1]), other=model([1], good=[1]), third=model([1], good=[1], up=[1])),
        (Kind.NEW, {THIRD: entry(1), OTHER: entry(1)}),
    ),
    "the last good version comes with the new": (view({}, m=model([1, 2], good=[1])), (Kind.NEW, {M: entry(1, 2)})),
    "changes of known models go before new models": (
        view({M: entry(1)}, m=model([1, 2], good=[1], up=[1]), other=model([1])),
        (Kind.VERSIONS, {M: entry(1, 2)}),
    ),
    "the old version stays until the new one is confirmed": (
        view({M: entry(1, 2)}, m=model([1, 2], good=[1], up=[1, 2])),
        None,
    ),
    "then it goes": (
        view({M: entry(1, 2)}, m=model([1, 2], good=[1, 2], up=[1, 2])),
        (Kind.VERSIONS, {M: entry(2)}),
    ),
    "a failed version is taken back": (
        view({M: entry(1, 2)}, m=model([1, 2], good=[1], up=[1], states=FAILED, bad=[2])),
        (Kind.VERSIONS, {M: entry(1)}),
    ),
    "a first version that failed leaves no entry": (
        view({M: entry(2)}, m=model([2], states=FAILED, bad=[2])),
        (Kind.VERSIONS, {}),
    ),
    "an older one takes the place of a last good one that fails": (
        view({M: entry(2)}, m=model([1, 2], states=FAILED, bad=[2])),
        (Kind.VERSIONS, {M: entry(1)}),
    ),
    "a newer version overtakes one that is being loaded": (
        view({M: entry(1, 2)}, m=model([1, 2, 3], good=[1], up=[1], states=LOADING)),
        (Kind.VERSIONS, {M: entry(1, 3)}),
    ),
    "a pin": (
        view({M: entry(2)}, m=model([1, 2], good=[2], up=[2], want=PIN)),
        (Kind.VERSIONS, {M: entry(1, 2)}),
    ),
    "a pin to what is not there": (view({M: entry(2)}, m=model([2], good=[2], up=[2], want=PIN)), None),
    "paused": (view({M: entry(1)}, m=model([1, 2], good=[1], up=[1], paused=True)), None),
    "paused and never served": (view({}, m=model([1], paused=True)), None),
    "removed": (view({M: entry(1)}, m=model([1], good=[1], up=[1], removed=True)), (Kind.VERSIONS, {})),
    "refused, with another": (
        view({M: entry(2)}, m=model([1, 2], good=[2], up=[2], refused=(2,))),
        (Kind.VERSIONS, {M: entry(1, 2)}),
    ),
    "refused, and the only one": (view({M: entry(2)}, m=model([2], good=[2], up=[2], refused=(2,))), None),
    "two versions": (view({}, m=model([1, 2, 3], want=Latest(count=2))), (Kind.NEW, {M: entry(2, 3)})),
    "a label is set when its version is confirmed": (
        view({M: entry(1)}, m=model([1], good=[1], up=[1], labels={"a": 1})),
        (Kind.LABELS, {M: entry(1, a=1)}),
    ),
    "not before": (view({M: entry(1)}, m=model([1], up=[1], labels={"a": 1})), None),
    "a label brings its version": (
        view({M: entry(2)}, m=model([1, 2], good=[2], up=[2], labels={"a": 1})),
        (Kind.VERSIONS, {M: entry(1, 2)}),
    ),
    "a label moves while both are there": (
        view({M: entry(1, 2, a=1)}, m=model([1, 2], good=[1, 2], up=[1, 2], labels={"a": 2})),
        (Kind.LABELS, {M: entry(1, 2, a=2)}),
    ),
    "and then the old version goes": (
        view({M: entry(1, 2, a=2)}, m=model([1, 2], good=[1, 2], up=[1, 2], labels={"a": 2})),
        (Kind.VERSIONS, {M: entry(2, a=2)}),
    ),
    "a label with no place stays": (view({M: entry(1, a=1)}, m=model([1], good=[1], up=[1], labels={"a": 9})), None),
    "a label nobody wants goes": (
        view({M: entry(1, a=1)}, m=model([1], good=[1], up=[1])),
        (Kind.LABELS, {M: entry(1)}),
    ),
    "files gone: held in memory": (
        view({M: entry(1)}, m=model(good=[1], up=[1])),
        (Kind.VERSIONS, {M: entry(1, held=True)}),
    ),
    "files gone, held, and a new version": (
        view({M: entry(1, held=True)}, m=model([2], good=[1], up=[1])),
        (Kind.VERSIONS, {M: entry(1, 2, held=True)}),
    ),
    "files gone and not loaded any more": (view({M: entry(1)}, m=model(good=[1])), (Kind.VERSIONS, {})),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_next_reload(case: str) -> None:
    """What is known decides what is sent."""
    seen, expected = STEPS[case]
    assert sent(seen) == expected


@pytest.mark.parametrize("case", STEPS)
def test_a_model_that_serves_is_never_left_without_versions(case: str) -> None:
    """Unless it is removed, whatever is planned names something that serves."""
    seen, _ = STEPS[case]
    for name, one in seen.models.items():
        aim = target(seen, name)
        if one.confirmed and not one.policy.removed:
            assert aim is not None
            assert aim.versions & one.confirmed


def test_a_version_is_named_again_after_two_polls() -> None:
    """An instance on its way out would be mistaken for the new one."""
    ended = model([1, 2], good=[1], up=[1], states={2: Status(State.END)})
    seen = view({M: entry(1)}, m=ended)
    just = replace(seen, applied=replace(seen.applied, dropped={(M, Version(2)): NOW - 0.5}))
    assert sent(just) is None
    assert M in plan(just).moving
    rested = replace(seen, applied=replace(seen.applied, dropped={(M, Version(2)): NOW - READD_SECONDS}))
    assert sent(rested) == (Kind.VERSIONS, {M: entry(1, 2)})


def test_a_model_is_named_again_after_all_its_versions_ended() -> None:
    """Also when another version is wanted now."""
    unloading = model([1, 2], states={1: Status(State.UNLOADING)})
    seen = view({}, m=unloading)
    seen = replace(seen, applied=replace(seen.applied, dropped={(M, Version(1)): NOW - 60}))
    assert sent(seen) is None


def test_nothing_is_sent_while_a_reload_is_under_way() -> None:
    """One at a time."""
    seen = view({}, m=model([1]), other=model([1]))
    flying = replace(seen, applied=replace(seen.applied, pending=PendingReload({M: entry(1)}, frozenset({M}), NOW - 1)))
    assert sent(flying) is None
    assert plan(flying).stuck is None


def test_nothing_is_sent_before_its_time() -> None:
    """After a failure the next try waits."""
    seen = view({}, m=model([1]))
    assert sent(replace(seen, applied=replace(seen.applied, not_before=NOW + 1))) is None


def test_a_model_that_was_refused_lets_others_go_first() -> None:
    """A model whose introduction fails for a reason of its own blocks nobody."""
    seen = view({}, m=model([1]), other=model([1]))
    assert sent(replace(seen, applied=replace(seen.applied, refused={M: 1}))) == (Kind.NEW, {OTHER: entry(1)})


def test_a_model_that_was_refused_goes_alone_and_last() -> None:
    """So it holds nobody up, also where nothing is served."""
    seen = view({}, m=model([1]), other=model([1]), third=model([1]))
    refused = replace(seen, applied=replace(seen.applied, refused={M: 1}))
    assert sent(refused) == (Kind.NEW, {OTHER: entry(1), THIRD: entry(1)})
    alone = replace(seen, applied=replace(seen.applied, refused={M: 2, OTHER: 1, THIRD: 2}))
    assert sent(alone) == (Kind.NEW, {OTHER: entry(1)})


def test_a_version_that_may_have_ended_tensorflow_serving_goes_alone_and_last() -> None:
    """Where it does so again, nothing else is blamed."""
    seen = view({}, m=model([1]), other=model([1]), third=model([1]))
    crashed = replace(seen, applied=replace(seen.applied, crashes={(M, Version(1)): 1}))
    assert sent(crashed) == (Kind.NEW, {OTHER: entry(1), THIRD: entry(1)})
    both = {(M, Version(1)): 1, (OTHER, Version(1)): 1, (THIRD, Version(1)): 1}
    assert sent(replace(seen, applied=replace(seen.applied, crashes=both))) == (Kind.NEW, {M: entry(1)})


def test_beside_models_that_serve_as_many_are_introduced_as_quick_reloads_have_shown() -> None:
    """A reload of many holds the lock for as long as all of them take."""
    seen = view({THIRD: entry(1)}, m=model([1]), other=model([1]), third=model([1], good=[1], up=[1]))
    assert sent(replace(seen, applied=replace(seen.applied, width=2))) == (
        Kind.NEW,
        {THIRD: entry(1), M: entry(1), OTHER: entry(1)},
    )


def test_no_model_is_introduced_while_a_folder_is_missing() -> None:
    """Its reload would wait for ever (D2)."""
    gone = replace(model(states={1: Status(State.END)}), has_folder=False)
    seen = view({M: entry(1)}, m=gone, other=model([1]))
    assert sent(seen) == (Kind.VERSIONS, {})


def flying(*, seconds: float, overdue: bool = False, **models: Model) -> View:
    """A reload for a new model has been under way for a while."""
    pending = PendingReload({M: entry(1)}, frozenset({M}), NOW - seconds, is_overdue=overdue)
    return View(NOW, {ModelName(name): one for name, one in models.items()}, AppliedConfig(config={}, pending=pending))


def test_a_reload_that_loads_is_not_stuck() -> None:
    """However long it takes."""
    seen = flying(seconds=10 * STUCK_SECONDS, m=model([1], states={1: Status(State.LOADING)}))
    assert plan(seen).stuck is None


def test_a_reload_that_waits_for_nothing_is_stuck() -> None:
    """What it names and is not on disk is named."""
    stuck = plan(flying(seconds=STUCK_SECONDS, m=model())).stuck
    assert stuck is not None
    assert stuck.missing == ((M, 1),)


def test_a_reload_whose_versions_were_given_up_is_stuck() -> None:
    """They load without end, and the lock is held meanwhile."""
    seen = flying(seconds=STUCK_SECONDS, m=model([1], states={1: Status(State.LOADING)}, bad=[1]))
    stuck = plan(seen).stuck
    assert stuck is not None
    assert stuck.given_up == ((M, 1),)


def test_a_reload_that_waits_behind_versions_that_were_given_up_is_stuck() -> None:
    """An earlier life asked for them, and its reload holds the lock; what else loads has to end by itself first."""
    loading = {1: Status(State.LOADING)}
    behind = PendingReload({OTHER: entry(1)}, frozenset(), NOW - STUCK_SECONDS, is_adoption=True)
    models = {M: model([1], states=loading, bad=[1]), OTHER: model([1])}
    seen = View(NOW, models, AppliedConfig(pending=behind))
    stuck = plan(seen).stuck
    assert stuck is not None
    assert stuck.given_up == ((M, 1),)
    assert plan(replace(seen, models={**models, OTHER: model([1], states=loading)})).stuck is None


def test_a_reload_of_many_is_stuck_when_all_it_still_waits_for_was_given_up() -> None:
    """What has settled is served meanwhile; what still loads is waited for."""
    loading = {1: Status(State.LOADING)}
    pending = PendingReload({M: entry(1), OTHER: entry(1)}, frozenset({M, OTHER}), NOW - STUCK_SECONDS)
    models = {M: model([1], states=loading, bad=[1]), OTHER: model([1], states=loading)}
    seen = View(NOW, models, AppliedConfig(config={}, pending=pending))
    assert awaited(seen) == (M, OTHER)
    assert plan(seen).stuck is None
    settled = replace(seen, models={**models, OTHER: model([1], up=[1])})
    stuck = plan(settled).stuck
    assert stuck is not None
    assert stuck.models == (M,)
    assert stuck.given_up == ((M, 1),)


def test_an_overdue_reload_is_over_when_its_model_has_settled() -> None:
    """The server goes on without the client, and its outcome is seen."""
    assert not plan(flying(seconds=200, overdue=True, m=model([1], states={1: Status(State.LOADING)}))).is_over
    assert plan(flying(seconds=200, overdue=True, m=model([1], up=[1]))).is_over
