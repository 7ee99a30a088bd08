"""The checker of `make chaos`: each rule holds for a run that went well, and is found broken when it is."""

from dataclasses import replace

from tests.chaos import content
from tests.chaos.growth import table
from tests.chaos.observations import (
    FOR_EVER,
    RETURN_SECONDS,
    Answer,
    Ended,
    Fallen,
    Lie,
    Look,
    Named,
    Pause,
    Phase,
    Recovery,
    Sample,
    Seen,
    Uploaded,
    Window,
)
from tests.chaos.rules import Violation, judge

BOUND = 45.0
PLACE = ("node-1", "alpha", 1)
UPLOAD = Uploaded("alpha", 1, "d1", 7)
LOOK = Look(2.0, PLACE, "11", "d1", "available")


def answer(at: float, *, content: int = 7, error: str = "") -> Answer:
    """One Predict that took 10 ms."""
    return Answer(at - 0.01, at, "node-1", "alpha", 0 if error else 1, 0 if error else content, error)


def sample(at: float, phase: Phase, *, life: int = 100, **values: float) -> Sample:
    """A look at a puller."""
    measures = {"memory MiB": 100.0, "threads": 12.0, "descriptors": 20.0, "connections": 2.0}
    given = {name.replace("_", " "): value for name, value in values.items()}
    return Sample(at, "puller-node-1", life, {**measures, **given}, phase)


def folder(at: float, phase: Phase, *, staged: float) -> Sample:
    """A look at a disk."""
    return Sample(at, "disk of node-1", 0, {"staged": staged, "trash": 0.0}, phase)


def good() -> Seen:
    """A run in which nothing went wrong."""
    return Seen(
        uploads=[UPLOAD],
        looks=[LOOK, replace(LOOK, at=5.0)],
        answers=[answer(1.0, error="NOT_FOUND"), answer(2.0), answer(3.0), answer(4.0)],
        samples=[sample(1.0, Phase.BEFORE), sample(50.0, Phase.CHAOS, threads=40.0), sample(99.0, Phase.AFTER)],
        recoveries=[Recovery("node-1", 3.0), Recovery("node-2", BOUND)],
    )


def found(seen: Seen) -> list[Violation]:
    return judge(seen, bound_seconds=BOUND)


def broken(seen: Seen) -> list[int]:
    """Which rules are broken, and that it is said in words."""
    violations = found(seen)
    assert all(violation.words for violation in violations)
    return sorted({violation.rule for violation in violations})


def test_a_run_that_went_well_violates_nothing() -> None:
    """No rule cries wolf."""
    assert found(good()) == []


def test_bytes_that_nobody_uploaded_break_the_first_rule() -> None:
    """A folder that TensorFlow Serving was told to serve has other files than any upload of its number."""
    seen = good()
    seen.looks.append(Look(6.0, ("node-1", "alpha", 2), "12", "d1", "loading"))
    assert broken(seen) == [1]


def test_an_empty_folder_may_stand_where_a_load_has_to_fail() -> None:
    """Nothing of it can be served; where TensorFlow Serving says that it serves, the files were taken from under it."""
    seen = good()
    stand_in = Look(6.0, ("node-1", "alpha", 2), "12", content.digest({}), "loading")
    seen.looks.append(stand_in)
    assert found(seen) == []
    seen.looks.append(replace(stand_in, state="available"))
    assert [violation.rule for violation in found(seen)] == [1]


def test_an_answer_that_nobody_uploaded_breaks_the_first_rule() -> None:
    """What is in memory is judged like what is on disk."""
    seen = good()
    seen.answers.append(answer(5.0, content=8))
    assert 1 in broken(seen)


def test_an_overwrite_is_another_content_that_may_be_served() -> None:
    """A node that fetched a number later may have its newer content."""
    seen = good()
    seen.uploads.append(replace(UPLOAD, digest="d2", content=8))
    seen.looks.append(Look(6.0, ("node-2", "alpha", 1), "13", "d2", "available"))
    seen.answers.append(replace(answer(6.0, content=8), node="node-2"))
    assert found(seen) == []


def test_silence_after_the_first_answer_breaks_the_second_rule_once() -> None:
    """One outage is one violation, however often it was asked."""
    seen = good()
    seen.answers += [answer(5.0, error="NOT_FOUND"), answer(5.1, error="NOT_FOUND")]
    assert [violation.rule for violation in found(seen)] == [2]


def test_silence_that_the_run_caused_is_excused() -> None:
    """TensorFlow Serving was killed, and answers soon after it runs again."""
    seen = good()
    seen.windows.append(Window("killed", "node-1", "", 4.9, 8.0))
    seen.answers += [answer(5.0, error="UNAVAILABLE"), answer(9.0, error="NOT_FOUND"), answer(10.0)]
    assert found(seen) == []


def test_an_excuse_ends_with_the_first_answer_after_it() -> None:
    """What fails after it answered again has no excuse."""
    seen = good()
    seen.windows.append(Window("killed", "node-1", "", 4.9, 8.0))
    seen.answers += [answer(9.0), answer(10.0, error="NOT_FOUND")]
    assert broken(seen) == [2]


def test_an_excuse_is_no_excuse_for_ever() -> None:
    """Who does not answer long after TensorFlow Serving runs again has stopped answering."""
    seen = good()
    seen.windows.append(Window("killed", "node-1", "", 4.9, 8.0))
    seen.answers += [answer(5.0, error="UNAVAILABLE"), answer(7.9 + RETURN_SECONDS, error="NOT_FOUND")]
    assert found(seen) == []
    seen.answers.append(answer(8.1 + RETURN_SECONDS, error="NOT_FOUND"))
    assert broken(seen) == [2]


def test_an_excuse_does_not_run_out_while_the_configurator_is_stopped() -> None:
    """Nobody else could have told an empty TensorFlow Serving anything; on another node it excuses nothing."""
    seen = good()
    seen.windows.append(Window("killed, restarts empty", "node-1", "", 4.9, 8.0))
    seen.answers += [answer(5.0, error="UNAVAILABLE"), answer(17.9 + RETURN_SECONDS, error="NOT_FOUND")]
    seen.pauses.append(Pause("node-2", 10.0, 20.0))
    assert broken(seen) == [2]
    seen.pauses.append(Pause("node-1", 10.0, 20.0))
    assert found(seen) == []
    seen.answers.append(answer(18.1 + RETURN_SECONDS, error="NOT_FOUND"))
    assert broken(seen) == [2]


def test_only_what_is_left_of_a_pause_prolongs_an_excuse() -> None:
    """The time before TensorFlow Serving ran again does not count, nor does a pause after patience has run out."""
    seen = good()
    seen.windows.append(Window("killed", "node-1", "", 4.9, 8.0))
    seen.pauses += [Pause("node-1", 2.0, 11.0), Pause("node-1", 500.0, 600.0)]
    seen.answers += [answer(5.0, error="UNAVAILABLE"), answer(10.9 + RETURN_SECONDS, error="NOT_FOUND")]
    assert found(seen) == []
    seen.answers.append(answer(11.1 + RETURN_SECONDS, error="NOT_FOUND"))
    assert broken(seen) == [2]


def test_an_excuse_holds_for_its_node_and_model_only() -> None:
    """Neither another node's TensorFlow Serving nor another model's removal excuses anything."""
    for window in (Window("killed", "node-2", "", 4.0), Window("removed", "node-1", "beta", 4.0)):
        seen = good()
        seen.windows.append(window)
        seen.answers.append(answer(5.0, error="NOT_FOUND"))
        assert broken(seen) == [2]


def test_a_model_that_was_removed_may_take_long_to_come_back() -> None:
    """What is wanted of it may not be there to be had; the fourth rule says when it must."""
    seen = good()
    seen.windows.append(Window("removed", "node-1", "alpha", 4.5, 6.0, FOR_EVER))
    seen.answers += [answer(5.0, error="NOT_FOUND"), answer(300.0, error="NOT_FOUND"), answer(301.0)]
    assert found(seen) == []


def test_a_version_that_is_withdrawn_does_not_count_as_an_answer() -> None:
    """It fails its own sample; where it is the only one, the model goes with it."""
    seen = good()
    seen.uploads.append(Uploaded("beta", 1, "d2", 8, is_servable=False))
    beta = [answer(5.0, content=8), answer(6.0, error="NOT_FOUND")]
    seen.answers += [replace(one, model="beta") for one in beta]
    assert found(seen) == []
    seen.uploads[-1] = replace(seen.uploads[-1], is_servable=True)
    assert broken(seen) == [2]


def test_other_files_in_the_same_folder_break_the_third_rule() -> None:
    """Even where both contents were uploaded, and even after TensorFlow Serving had ended the version."""
    seen = good()
    seen.uploads.append(replace(UPLOAD, digest="d2"))
    seen.ends.append(Ended(5.5, PLACE))
    seen.looks.append(replace(LOOK, at=6.0, digest="d2"))
    assert broken(seen) == [3]


def test_a_folder_that_is_swapped_while_it_serves_breaks_the_third_rule() -> None:
    """A new folder under the number needs that TensorFlow Serving has ended the old one."""
    seen = good()
    seen.uploads.append(replace(UPLOAD, digest="d2"))
    seen.looks.append(replace(LOOK, at=6.0, folder="12", digest="d2"))
    assert broken(seen) == [3]
    seen.ends.append(Ended(5.5, PLACE))
    assert found(seen) == []


def test_an_answer_that_changes_without_an_end_breaks_the_third_rule() -> None:
    """Something else came into memory under the number, while it was there."""
    seen = good()
    seen.uploads.append(replace(UPLOAD, digest="d2", content=8))
    seen.answers.append(answer(5.0, content=8))
    assert broken(seen) == [3]
    seen.ends.append(Ended(4.5, PLACE))
    assert found(seen) == []


def test_a_node_that_is_late_or_never_comes_breaks_the_fourth_rule() -> None:
    """The bound is a bound."""
    for one in (Recovery("node-1", BOUND + 0.1), Recovery("node-1", None, "alpha serves nothing, wanted is 3")):
        seen = good()
        seen.recoveries[0] = one
        assert broken(seen) == [4]


def test_what_is_larger_at_rest_than_before_breaks_the_fifth_rule() -> None:
    """Memory, threads, descriptors, connections, stages: each by its own limit."""
    for measure, value in (("memory_MiB", 400.0), ("threads", 60.0), ("descriptors", 100.0), ("connections", 30.0)):
        seen = good()
        seen.samples[-1] = sample(99.0, Phase.AFTER, life=101, **{measure: value})
        assert broken(seen) == [5], measure
    seen = good()
    seen.samples += [folder(1.0, Phase.BEFORE, staged=0.0), folder(99.0, Phase.AFTER, staged=1.0)]
    assert broken(seen) == [5]


def test_a_slow_leak_within_one_life_breaks_the_fifth_rule() -> None:
    """A soak finds what a short run cannot."""
    seen = good()
    seen.samples += [sample(float(at), Phase.CHAOS, memory_MiB=100.0 + at / 10) for at in range(100, 1300, 20)]
    assert broken(seen) == [5]


def test_what_ends_by_itself_breaks_the_fifth_rule() -> None:
    """A part that fell has nothing left to be measured."""
    seen = good()
    seen.fallen.append(Fallen(9.0, "puller-node-1", "exit code 1"))
    assert broken(seen) == [5]


def test_the_table_shows_rest_peak_and_rest() -> None:
    """What a person reads is what was judged."""
    threads = next(change for change in table(good().samples) if change.measure == "threads")
    assert (threads.before, threads.most, threads.after) == (12.0, 40.0, 12.0)


def test_who_lied_may_be_named() -> None:
    """Rule 6: a node that the run had give wrong bytes is named rightly, also a while after that."""
    seen = good()
    seen.lies = [Lie("node-2", 3.0)]
    seen.named = [Named(4.0, "node-1", "node-2", "alpha version 1"), Named(9.0, "node-1", "node-2", "beta version 1")]
    assert found(seen) == []


def test_who_did_not_lie_is_named_wrongly() -> None:
    """Rule 6: nobody may be named before it lied, or in the place of another."""
    seen = good()
    seen.lies = [Lie("node-2", 3.0)]
    seen.named = [Named(2.0, "node-1", "node-2", "alpha version 1"), Named(4.0, "node-2", "node-1", "beta version 1")]
    assert [(violation.rule, violation.words) for violation in found(seen)] == [
        (6, "node-1 names node-2 for wrong bytes of alpha version 1, which gave none"),
        (6, "node-2 names node-1 for wrong bytes of beta version 1, which gave none"),
    ]


def test_a_tampered_version_that_is_served_breaks_the_seventh_rule() -> None:
    """On the disk where TensorFlow Serving was told to serve it, or in an answer; in the bucket it breaks nothing."""
    tampered = replace(UPLOAD, digest="d2", content=8, is_tampered=True)
    seen = good()
    seen.uploads.append(tampered)
    assert found(seen) == []
    seen.looks.append(Look(6.0, ("node-2", "alpha", 1), "12", "d2", "loading"))
    assert broken(seen) == [7]
    seen = good()
    seen.uploads.append(tampered)
    seen.answers.append(Answer(5.0, 5.1, "node-2", "alpha", 1, 8))
    assert broken(seen) == [7]
