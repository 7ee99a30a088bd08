"""The judgement over listings: whole, not yet, or never."""

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.bounds import MAX_FILES
from events.manifest import Content
from events.names import MANIFEST_NAME, FileName
from puller.bucket.completeness import (
    MAX_GRAPH_BYTES,
    Assessment,
    Complete,
    Incomplete,
    Known,
    NeedsGraph,
    Rules,
    Settling,
    Unusable,
    assess,
)
from puller.bucket.limits import GIB
from puller.bucket.objects import Listing, RemoteFile
from puller.bucket.passed_over import PassedOver
from service.saved_model import Needs

UPLOADED = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
LATER = UPLOADED + timedelta(hours=1)
GRAPH, INDEX, ASSET = "saved_model.pb", "variables/variables.index", "assets/words.txt"
SHARDS = ("variables/variables.data-00000-of-00002", "variables/variables.data-00001-of-00002")
WHOLE = (GRAPH, INDEX, *SHARDS, ASSET, "fingerprint.pb")
RULES = Rules()
NEEDS = Needs(variables=True, assets=frozenset({FileName(ASSET)}))
NEEDS_NOTHING = Needs(variables=False, assets=frozenset())


def remote(name: str, *, size: int = 10, crc32c: int = 1, updated: datetime = UPLOADED) -> RemoteFile:
    return RemoteFile(FileName.parse(name), f"m/1/{name}", Content(size, crc32c), 1, None, updated)


def listing(names: Iterable[str], *, has_manifest: bool = False) -> Listing:
    manifest = remote(MANIFEST_NAME) if has_manifest else None
    return Listing(tuple(remote(name) for name in sorted(names)), manifest, PassedOver())


def structure(
    names: Iterable[str], *, needs: Needs | None = NEEDS, now: datetime = LATER, rules: Rules = RULES
) -> Assessment:
    return assess(listing(names), Known(UPLOADED, needs=needs), now=now, rules=rules)


def with_manifest(names: Iterable[str], manifest: dict[str, Content], needs: Needs | None = None) -> Assessment:
    known = Known(UPLOADED, manifest={FileName(name): content for name, content in manifest.items()}, needs=needs)
    return assess(listing(names, has_manifest=True), known, now=UPLOADED, rules=RULES)


def manifest_of(names: Iterable[str]) -> dict[str, Content]:
    return {name: Content(10, 1) for name in names}


@given(st.permutations(WHOLE), st.integers(0, len(WHOLE)))
def test_every_order_of_upload_is_complete_at_its_end_only(order: list[str], uploaded: int) -> None:
    """Whatever order files arrive in, no half is complete, and each half says exactly what it lacks."""
    there = set(order[:uploaded])
    lacking = set(WHOLE) - there - {"fingerprint.pb"}  # nothing in a SavedModel says that it should be there
    assessment = structure(there)
    if not lacking:
        assert isinstance(assessment, Complete)
        assert {file.name for file in assessment.files} == there
        return
    assert isinstance(assessment, Incomplete)
    shards_lacking = lacking & set(SHARDS)
    if shards_lacking == set(SHARDS):
        lacking = lacking - set(SHARDS) | {"variables/variables.data-?????-of-?????"}
    assert all(f"{name} is missing" in assessment.reason for name in lacking)
    assert assessment.reason.count("is missing") == len(lacking)


@given(st.permutations(WHOLE), st.integers(0, len(WHOLE) - 1))
def test_with_a_manifest_every_half_is_incomplete(order: list[str], uploaded: int) -> None:
    """The manifest makes every file count, also those nothing else asks for."""
    there = order[:uploaded]
    assessment = with_manifest(there, manifest_of(WHOLE))
    assert isinstance(assessment, Incomplete)
    assert all(f"{name} is missing" in assessment.reason for name in set(WHOLE) - set(there))


def test_a_matching_manifest_is_complete_at_once() -> None:
    """No settle time and no graph are waited for."""
    assert with_manifest(WHOLE, manifest_of(WHOLE)) == Complete(listing(WHOLE).files)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({ASSET: Content(11, 1)}, "assets/words.txt has 10 bytes, the manifest says 11"),
        ({ASSET: Content(10, 2)}, "assets/words.txt has other content than the manifest says (CRC32C differs)"),
    ],
)
def test_a_manifest_that_differs(change: dict[str, Content], reason: str) -> None:
    """Size and CRC32C are compared."""
    assert with_manifest(WHOLE, manifest_of(WHOLE) | change) == Incomplete(reason)


def test_a_file_the_manifest_does_not_name() -> None:
    """What the uploader did not mean to be there is a difference as well."""
    assert with_manifest(WHOLE, manifest_of(WHOLE[:-1])) == Incomplete("fingerprint.pb is not in the manifest")


@pytest.mark.parametrize(
    ("names", "needs", "words"),
    [
        (("a.txt",), None, "saved_model.pb is missing"),
        ((GRAPH, INDEX), None, "variables.data-?????-of-????? is missing"),
        ((GRAPH,), NEEDS, "variables/variables.index is missing"),
    ],
)
def test_a_manifest_of_half_an_export_is_unusable(names: tuple[str, ...], needs: Needs | None, words: str) -> None:
    """A manifest proves that all was uploaded, not that the uploader had a whole model."""
    assessment = with_manifest(names, manifest_of(names), needs)
    assert isinstance(assessment, Unusable)
    assert words in assessment.reason


def test_a_manifest_that_was_not_read_is_the_callers_bug() -> None:
    """Nothing is judged by structure where a manifest is."""
    with pytest.raises(ValueError, match="not read"):
        assess(listing(WHOLE, has_manifest=True), Known(UPLOADED), now=LATER, rules=RULES)


def test_the_graph_is_asked_for_when_nothing_else_is_missing() -> None:
    """Only the graph can tell that variables or assets have not arrived at all."""
    assert structure((GRAPH,), needs=None) == NeedsGraph(remote(GRAPH))
    assert isinstance(structure((GRAPH, INDEX), needs=None), Incomplete)


def test_settles_before_it_is_complete() -> None:
    """The settle time counts from the newest object."""
    newest = UPLOADED + timedelta(seconds=10)
    files = (*listing(WHOLE[1:]).files, remote(GRAPH, updated=newest))
    known = Known(newest, needs=NEEDS)
    until = newest + timedelta(seconds=5)
    assessment = assess(Listing(files, None, PassedOver()), known, now=until - timedelta(milliseconds=1), rules=RULES)
    assert isinstance(assessment, Settling)
    assert assessment.until == until
    assert isinstance(assess(Listing(files, None, PassedOver()), known, now=until, rules=RULES), Complete)


def test_a_clock_behind_the_buckets_does_not_hold_a_version_up() -> None:
    """Times from the future settle from when this node saw them first."""
    future = replace(remote(GRAPH), updated=UPLOADED + timedelta(days=1))
    known = Known(UPLOADED, needs=NEEDS_NOTHING)
    now = UPLOADED + timedelta(seconds=5)
    assert isinstance(assess(Listing((future,), None, PassedOver()), known, now=now, rules=RULES), Complete)


def test_missing_assets_may_be_allowed() -> None:
    """Some old exports name an asset they do not ship, and load."""
    names = set(WHOLE) - {ASSET}
    assert structure(names) == Incomplete("assets/words.txt is missing, the graph names it")
    assert isinstance(structure(names, rules=Rules(require_assets=False)), Complete)


def test_a_model_without_variables_needs_none() -> None:
    """TensorFlow 1 exports without variables have no variables folder."""
    assert isinstance(structure((GRAPH,), needs=NEEDS_NOTHING), Complete)


@pytest.mark.parametrize(
    ("graph", "needs", "note"),
    [
        ("saved_model.cpb", None, "saved_model.cpb is not read: whether"),
        ("saved_model.pbtxt", Needs(variables=False, assets=frozenset(), unread="it is too long"), "it is too long: "),
    ],
)
def test_a_graph_that_is_not_read_is_judged_by_names_alone(graph: str, needs: Needs | None, note: str) -> None:
    """Graphs in pieces, and text that is too long: the judgement says so."""
    assessment = structure((graph, INDEX, *SHARDS), needs=needs)
    assert isinstance(assessment, Complete)
    assert assessment.note.startswith(note)
    assert isinstance(structure((graph, SHARDS[0]), needs=needs), Incomplete)


def test_a_text_graph_is_read_as_the_binary_one() -> None:
    """It is staged and read first; then it says what is missing."""
    names = ("saved_model.pbtxt", ASSET)
    assert isinstance(structure(names, needs=None), NeedsGraph)
    assessment = structure(names, needs=NEEDS)
    assert isinstance(assessment, Incomplete)
    assert "variables.index is missing" in assessment.reason
    assert isinstance(structure(("saved_model.pbtxt", "saved_model.cpb"), needs=None), Complete)  # .cpb is loaded


@pytest.mark.parametrize(
    ("shards", "reason"),
    [
        (("00000-of-00003",), "-00001-of-00003 is missing; variables/variables.data-00002-of-00003 is missing"),
        (("00000-of-00001", "00000-of-00002", "00001-of-00002"), "the shards of several exports are mixed"),
        (("00000-of-00000",), "data-?????-of-????? is missing"),
        (("00005-of-00002",), "data-?????-of-????? is missing"),
        (("000000-of-000001",), "data-?????-of-????? is missing"),
        (("00000-of-99999",), "99993 more shards of 99999 are missing"),
    ],
)
def test_shards_that_are_not_one_whole_set(shards: tuple[str, ...], reason: str) -> None:
    """All shards of exactly one count, by their canonical names."""
    assessment = structure((GRAPH, INDEX, *(f"variables/variables.data-{shard}" for shard in shards)))
    assert isinstance(assessment, Incomplete)
    assert reason in assessment.reason


def test_a_stray_shard_of_another_count_does_no_harm() -> None:
    """TensorFlow opens the shards that the index means."""
    assert isinstance(structure((*WHOLE, "variables/variables.data-00000-of-00009")), Complete)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ((remote(GRAPH, size=0),), "saved_model.pb is empty"),
        ((remote(GRAPH), remote(INDEX, size=0)), "variables/variables.index is empty"),
        ((remote(GRAPH, size=MAX_GRAPH_BYTES + 1),), "more than TensorFlow can read"),
        (
            (remote("big", size=300 * GIB), remote(GRAPH)),
            "big has 322122547200 bytes, more than 274877906944 (MM_MAX_O",
        ),
        (tuple(remote(name, size=250 * GIB) for name in (GRAPH, *"abcd")), "(MM_MAX_VERSION_GIB)"),
        ((remote("assets"), remote("assets/a"), remote(GRAPH)), "assets is both a file and a folder"),
        ((remote("a"), remote("a/b/c"), remote(GRAPH)), "a is both a file and a folder"),
        (tuple(remote(f"f{number}") for number in range(MAX_FILES + 1)), f"more than {MAX_FILES} files"),
    ],
)
def test_what_no_further_upload_makes_good(files: tuple[RemoteFile, ...], reason: str) -> None:
    """Only a change of what is there helps."""
    assessment = assess(
        Listing(files, None, PassedOver()), Known(UPLOADED, needs=NEEDS_NOTHING), now=LATER, rules=RULES
    )
    assert isinstance(assessment, Unusable)
    assert reason in assessment.reason


def test_problems_of_the_listing_come_first() -> None:
    """An object that cannot be checked spoils the version, manifest or not."""
    spoiled = replace(listing(WHOLE, has_manifest=True), problems=("x has no CRC32C",))
    assert assess(spoiled, Known(UPLOADED), now=LATER, rules=RULES) == Unusable("x has no CRC32C")


def test_zero_byte_files_are_files() -> None:
    """An empty asset is content like any other."""
    files = (remote(GRAPH), remote(ASSET, size=0))
    known = Known(UPLOADED, needs=Needs(variables=False, assets=frozenset({FileName(ASSET)})))
    assert assess(Listing(files, None, PassedOver()), known, now=LATER, rules=RULES) == Complete(files)


def test_long_lists_of_reasons_are_cut() -> None:
    """A reason stays readable."""
    needs = Needs(variables=False, assets=frozenset(FileName(f"assets/{number:03}") for number in range(100)))
    assessment = structure((GRAPH,), needs=needs)
    assert isinstance(assessment, Incomplete)
    assert assessment.reason.endswith("; and 90 more")


def test_folders_of_many_deep_names_are_looked_up_and_not_kept() -> None:
    """50,000 names of 32 folders have 1.6 million folders above them; the bucket's writers choose the names."""
    deep = "/".join("f" * 8 for _ in range(30))
    files = (remote(GRAPH), *(remote(f"{number}/{deep}/{number}") for number in range(3_000)))
    many = Listing(tuple(sorted(files, key=lambda file: file.name)), None, PassedOver())
    tracemalloc.start()
    assess(many, Known(first_seen=UPLOADED), now=UPLOADED, rules=Rules())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * 1024 * 1024


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("model.keras",), "saved_model.pb is missing; there is model.keras instead"),
        (("export/saved_model.pb", INDEX), "; there is export/saved_model.pb instead"),
        (("a", "b", "c", "d"), "; there is a, b, c and 1 more instead"),
    ],
)
def test_a_missing_graph_is_said_with_what_is_there_instead(names: tuple[str, ...], words: str) -> None:
    """The most reported trouble with TensorFlow Serving: the right files one folder too deep, or of another format."""
    assessment = structure(names, needs=None)
    assert isinstance(assessment, Incomplete)
    assert words in assessment.reason


def test_parts_of_a_savedmodel_stand_for_nothing() -> None:
    """While an upload goes on nothing is said that is not so."""
    assessment = structure((INDEX, *SHARDS, "fingerprint.pb"), needs=None)
    assert assessment == Incomplete("saved_model.pb is missing")
