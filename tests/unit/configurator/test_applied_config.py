"""What is known of what TensorFlow Serving was told."""

import pytest

from configurator.serving import applied_config
from configurator.serving.applied_config import AppliedConfig, Entry, Key, PendingReload
from events.names import ModelName, Version

M, N = ModelName("m"), ModelName("n")
ONE, TWO = (M, Version(1)), (M, Version(2))


def pending(*versions: int, model: ModelName | None = None, now: float = 0.0, adoption: bool = False) -> PendingReload:
    return PendingReload(
        {M: Entry(frozenset(map(Version, versions)))}, frozenset({model} if model else ()), now, is_adoption=adoption
    )


def test_ok_makes_the_config_known() -> None:
    """And what it does not name is dropped from then on."""
    first = applied_config.accept(applied_config.send(AppliedConfig(), pending(1, 2), ended=()), known=(), now=1.0)
    assert first.config == {M: Entry(frozenset({ONE[1], TWO[1]}))}
    second = applied_config.accept(applied_config.send(first, pending(2), ended=()), known=(ONE, TWO), now=5.0)
    assert second.possible == {TWO}
    assert second.dropped == {ONE: 5.0}
    assert applied_config.accept(applied_config.send(second, pending(2), ended=()), known=(ONE,), now=9.0).dropped == {
        ONE: 5.0
    }


def test_an_error_makes_it_unknown() -> None:
    """Until the next OK, anything that was ever sent may be held."""
    first = applied_config.accept(applied_config.send(AppliedConfig(), pending(1), ended=()), known=(), now=1.0)
    failed = applied_config.reject(applied_config.send(first, pending(2), ended=()), now=2.0)
    assert failed.config is None
    assert failed.possible == {ONE, TWO}


def test_repeated_errors_wait_longer() -> None:
    """The first try again comes at once, for most errors are news of a version that failed."""
    state, waits = AppliedConfig(), []
    for _ in range(9):
        state = applied_config.reject(applied_config.send(state, pending(1, model=M), ended=()), now=100.0)
        waits.append(state.not_before - 100.0)
        state = applied_config.accept(
            applied_config.send(state, pending(1, adoption=True), ended=()), known=(), now=100.0
        )
    assert waits == [0, 1, 3, 7, 15, 31, 60, 60, 60]
    assert state.refused == {M: 9}
    assert applied_config.accept(applied_config.send(state, pending(1), ended=()), known=(), now=0.0).failures == 0


def test_of_many_introduced_those_that_serve_were_not_refused() -> None:
    """An error tells of one bad model among them."""
    both = PendingReload({M: Entry(frozenset({ONE[1]})), N: Entry(frozenset({ONE[1]}))}, frozenset({M, N}), 0.0)
    assert applied_config.reject(applied_config.send(AppliedConfig(), both, ended=()), now=1.0, served={N}).refused == {
        M: 1
    }


@pytest.mark.parametrize(
    ("count", "seconds", "width"),
    [(1, 0.8, 2), (8, 2.0, 16), (8, 8.0, 10), (100, 50.0, 20), (1, 60.0, 1), (4, 60.0, 1)],
)
def test_the_next_reload_introduces_as_many_as_hold_the_lock_for_some_seconds(
    count: int, seconds: float, width: int
) -> None:
    """Judged by the last one, and never more than twice as many."""
    names = frozenset(ModelName(f"m{number}") for number in range(count))
    many = PendingReload({name: Entry(frozenset({ONE[1]})) for name in names}, names, 0.0)
    assert (
        applied_config.accept(applied_config.send(AppliedConfig(), many, ended=()), known=(), now=seconds).width
        == width
    )


def test_a_reload_that_introduces_nothing_says_nothing_of_how_many() -> None:
    """It never waits."""
    assert (
        applied_config.accept(
            applied_config.send(AppliedConfig(width=7), pending(1), ended=()), known=(), now=1.0
        ).width
        == 7
    )


def test_an_old_end_does_not_count_until_something_else_was_seen() -> None:
    """A version asked for again shows its old end for a while."""
    state = applied_config.send(AppliedConfig(), pending(1, 2), ended=(ONE,))
    assert state.asked[ONE].is_stale
    assert not state.asked[TWO].is_stale
    state = applied_config.see(state, ended=(ONE,), loading=(), now=1.0)
    assert state.asked[ONE].is_stale
    state = applied_config.see(state, ended=(), loading=(ONE,), now=2.0)
    assert not state.asked[ONE].is_stale
    assert state.asked[ONE].loading_since == 2.0
    assert applied_config.see(state, ended=(), loading=(ONE,), now=3.0).asked[ONE].loading_since == 2.0


def test_a_loss_forgets_all_but_what_may_be_to_blame() -> None:
    """Each version that was being loaded is counted, each time."""
    state = applied_config.send(AppliedConfig(), pending(1, 2), ended=())
    state = applied_config.lose(applied_config.lose(state, [TWO], ended=()), [TWO], ended=())
    assert state.config is None
    assert state.pending is None
    assert state.crashes == {TWO: 2}
    assert applied_config.forget(state, TWO).crashes == {}


@pytest.mark.parametrize(
    ("known", "crashes"),
    [
        ({ONE: True}, {}),  # it remembers what it ended
        ({TWO: False}, {}),  # it is still loading it
        ({}, {TWO: 1}),
        ({ONE: False}, {TWO: 1}),  # it began anew: what it had ended it serves
    ],
)
def test_a_server_that_remembers_never_went_away(known: dict[Key, bool], crashes: dict[Key, int]) -> None:
    """Then the connection alone broke, and no version is to blame; `known` tells which are at their end."""
    lost = applied_config.lose(AppliedConfig(), [TWO], ended=[ONE])
    assert lost.crashes == {TWO: 1}
    back = applied_config.back(lost, known=known, ended=[key for key, is_ended in known.items() if is_ended])
    assert back.crashes == crashes
    assert applied_config.back(back, known={TWO: True}, ended=[TWO]) == back  # that is judged once


def test_an_overdue_reload_is_still_under_way() -> None:
    """The client gave up, the server did not."""
    state = applied_config.expire(applied_config.send(AppliedConfig(), pending(1, model=M), ended=()), now=120.0)
    assert state.pending is not None
    assert state.pending.is_overdue
    assert state.config is None


def test_doubt_has_the_config_sent_again_unless_it_is_being_sent() -> None:
    """An operator's request never makes a second reload."""
    known = applied_config.accept(applied_config.send(AppliedConfig(), pending(1), ended=()), known=(), now=0.0)
    assert applied_config.doubt(known).config is None
    flying = applied_config.send(known, pending(1, 2), ended=())
    assert applied_config.doubt(flying) == flying
