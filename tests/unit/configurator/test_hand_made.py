"""Models of a config file that somebody wrote by hand: they stay named, whole, until an operator says otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from configurator.serving import render
from configurator.versions.disk import Disk
from configurator.versions.startup_config import MAX_BYTES, TooBig
from events.desired import Pinned, Policy
from events.names import ModelName, Version
from service.layout import Layout
from tests.support.configurator import MODEL, Bench
from tests.support.serving import write_version

OLD = ModelName("old")
FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


def entry(base_path: Path, *, name: str = OLD, more: str = "") -> str:
    """Write an entry as people do."""
    return f'config {{ name: "{name}" base_path: "{base_path}" model_platform: "tensorflow" {more} }}'


def pin(*versions: int) -> Policy:
    """Want these versions."""
    return Policy(want=Pinned(versions=tuple(map(Version, versions))))


def others(bench: Bench) -> list[ModelConfig]:
    """Read the entries of others in the file."""
    return list(render.others(bench.settings.config_file.read_bytes(), bench.layout.model))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A TensorFlow Serving that serves a hand-made model; the configurator starts for the first time."""
    elsewhere = tmp_path / "elsewhere" / OLD
    elsewhere.mkdir(parents=True)
    write_version(elsewhere, 3, {})
    models = tmp_path / "models"
    models.mkdir()
    async with Bench(models, grace_seconds=0) as bench:
        written = entry(elsewhere, more="model_version_policy { specific { versions: 3 } }")
        bench.settings.config_file.write_text(f"model_config_list {{ {written} }}")
        bench.serving.start(bench.settings.config_file)
        for _ in range(50):
            bench.serving.advance(0.1)
        assert bench.available(OLD) == {3}
        bench.begin()
        bench.on_step = lambda: bench.was_unserved.extend([] if bench.available(OLD) else [OLD])
        await bench.restart()
        yield bench


async def test_a_first_start_unloads_nothing(bench: Bench) -> None:
    """Our models come beside it, and every reload and the file name it as it was."""
    await bench.serve(1, 2)
    assert bench.available(OLD) == {3}
    assert not bench.was_unserved
    found = [{one.name: one for one in sent.model_config_list.config}[OLD] for sent in bench.serving.reloads]
    assert {one.base_path for one in found} == {found[0].base_path}
    assert others(bench) == [found[-1]]
    assert bench.file() == {MODEL: frozenset({Version(2)})}


async def test_it_is_reported_as_not_managed(bench: Bench) -> None:
    """With what serves, where it lies, and what to do; nothing of it differs from what is desired."""
    await bench.serve(1)
    shown = bench.report()[OLD]
    assert (shown.serving, shown.default_version, shown.desired, shown.difference) == ((3,), 3, (), "")
    assert shown.not_managed.startswith("a config file written by hand names it, at /")
    assert not shown.is_moving
    assert not bench.report()[MODEL].not_managed
    bench.want(Policy(removed=True), model=OLD)
    await bench.until(lambda: OLD not in bench.report())


async def test_restarts_of_both_change_nothing(bench: Bench) -> None:
    """The file is the record."""
    await bench.serve(1)
    await bench.restart()
    await bench.run(5)
    assert not bench.was_unserved
    bench.serving.start(bench.settings.config_file)
    await bench.until(lambda: bench.available(OLD) == {3} and bench.serves_only(1))
    assert [one.name for one in others(bench)] == [OLD]


async def test_a_file_that_vanished_is_made_again_with_it(bench: Bench) -> None:
    """Its entries are recorded beside ours."""
    await bench.run(2)
    bench.settings.config_file.unlink()
    await bench.restart()
    await bench.run(2)
    assert [one.name for one in others(bench)] == [OLD]
    assert not bench.was_unserved


async def test_a_removal_lets_it_go(bench: Bench) -> None:
    """It is unloaded and named nowhere, also after a restart and after the removal is taken back."""
    await bench.serve(1)
    bench.want(Policy(removed=True), model=OLD)
    await bench.until(lambda: not bench.available(OLD) and not others(bench))
    await bench.restart()
    bench.want(Policy(), model=OLD)
    await bench.run(5)
    assert not bench.available(OLD)
    assert bench.serves_only(1)


async def test_a_model_of_the_same_name_waits_for_a_word(bench: Bench) -> None:
    """What the bucket brings under its name is not served before an operator says so."""
    bench.publish(4, model=OLD)
    await bench.run(10)
    assert bench.available(OLD) == {3}
    assert not bench.words(OLD)
    assert bench.state(4, OLD).reason == "not served: a model of this name is not managed"


async def test_a_pin_puts_ours_in_its_place_without_a_gap(bench: Bench) -> None:
    """What was served goes on until the pinned version is confirmed."""
    bench.publish(4, model=OLD)
    bench.want(pin(4), model=OLD)
    await bench.until(lambda: bench.serves_only(4, OLD))
    assert not bench.was_unserved
    assert not others(bench)
    assert bench.file() == {OLD: frozenset({Version(4)})}
    bench.want(Policy(), model=OLD)
    bench.publish(5, model=OLD)
    await bench.until(lambda: bench.serves_only(5, OLD))
    assert not bench.was_unserved


async def test_a_pin_ahead_changes_nothing_before_the_version_is_there(bench: Bench) -> None:
    """And says what it waits for."""
    bench.want(pin(4), model=OLD)
    await bench.run(5)
    assert bench.available(OLD) == {3}
    assert bench.words(OLD) == "version 4 is not on disk yet"


async def test_a_pinned_version_that_fails_leaves_it_as_it_was(bench: Bench) -> None:
    """Its entry holds again."""
    bench.publish(4, model=OLD, fail=FAILS)
    bench.want(pin(4), model=OLD)
    await bench.until(lambda: "version 4 is in quarantine" in bench.words(OLD))
    await bench.run(10)
    assert not bench.was_unserved
    assert [one.name for one in others(bench)] == [OLD]
    last = {one.name: one.base_path for one in bench.serving.reloads[-1].model_config_list.config}
    assert last[OLD].endswith("/elsewhere/old")


async def test_what_tensorflow_serving_does_not_know_is_not_introduced(tmp_path: Path) -> None:
    """A stale entry would have the reload wait for ever."""
    async with Bench(tmp_path) as bench:
        bench.settings.config_file.write_text(f"model_config_list {{ {entry(Path('/nowhere'))} }}")
        bench.serving.start()
        await bench.serve(1)
        assert [one.name for one in others(bench)] == [OLD]
        assert all(len(sent.model_config_list.config) <= 1 for sent in bench.serving.reloads)


async def test_a_tensorflow_serving_that_stays_away_finds_it_in_the_file(bench: Bench) -> None:
    """Only our part is emptied: the rest is as somebody wrote it."""
    await bench.serve(1)
    bench.serving.stop()
    bench.on_step = lambda: None
    await bench.run(bench.settings.serving_lost_seconds + 5)
    assert bench.file() == {}
    assert [one.name for one in others(bench)] == [OLD]


WHOLE = """
    model_version_policy { latest { num_versions: 2 } }
    version_labels { key: "stable" value: 3 }
    logging_config { sampling_config { sampling_rate: 0.5 } }
"""


def test_an_entry_is_kept_whole() -> None:
    """Nothing in it is interpreted."""
    layout = Layout(Path("/models"))
    data = f"model_config_list {{ {entry(Path('/srv/old'), more=WHOLE)} }}".encode()
    found = render.others(data, layout.model)
    before = text_format.Parse(data.decode(), ModelServerConfig()).model_config_list.config
    assert list(found) == list(before)
    again = render.text({MODEL: frozenset({Version(1)})}, layout.model, found)
    assert render.others(again, layout.model) == found
    assert not render.is_foreign(again, layout.model)


@pytest.mark.parametrize(
    "written",
    [
        'config { name: "old" base_path: "/srv/old" }',
        'config { name: "old" base_path: "srv/old" model_platform: "tensorflow" }',
        'config { base_path: "/srv/old" model_platform: "tensorflow" }',
        'config { name: "m" base_path: "/models/m" model_platform: "tensorflow" }',
        "",
    ],
    ids=("no platform", "relative", "no name", "ours", "nothing"),
)
def test_what_tensorflow_serving_refuses_and_what_is_ours_is_left_out(written: str) -> None:
    """An entry without platform would have every later reload refused."""
    assert render.others(f"model_config_list {{ {written} }}".encode(), Layout(Path("/models")).model) == ()


def test_a_name_stands_once() -> None:
    """TensorFlow Serving refuses a config that names a model twice."""
    twice = f"model_config_list {{ {entry(Path('/a'))} {entry(Path('/b'))} }}".encode()
    assert [one.base_path for one in render.others(twice, Layout(Path("/models")).model)] == ["/a"]
    other = ModelConfig(name=MODEL, base_path="/elsewhere")
    ours = ModelConfig(name=MODEL, base_path="/models/m")
    assert list(render.message({MODEL: ours}, [other]).model_config_list.config) == [ours]


def test_a_file_with_more_than_is_kept_is_left_as_it_is(tmp_path: Path) -> None:
    """To drop some would unload them."""
    file = tmp_path / "models.config"
    disk = Disk(Layout(tmp_path), file)
    many = " ".join(entry(Path("/srv"), name=f"n{number}") for number in range(render.MAX_OTHERS + 1))
    file.write_text(f"model_config_list {{ {many} }}")
    with pytest.raises(TooBig, match="more than 2000"):
        disk.keep_foreign()
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(TooBig, match="bigger"):
        disk.keep_foreign()


async def test_a_name_that_is_none_of_ours_stays_and_is_said(tmp_path: Path) -> None:
    """No command can name it; hostile characters are written as escapes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_version(elsewhere, 1, {})
    (tmp_path / "models").mkdir()
    async with Bench(tmp_path / "models") as bench:
        odd = entry(elsewhere, name="_odd\\033[2J", more="model_version_policy { specific { versions: 1 } }")
        bench.settings.config_file.write_text(f"model_config_list {{ {odd} }}")
        bench.serving.start(bench.settings.config_file)
        await bench.serve(1)
        (warning,) = bench.dependencies.hand_made.warnings
        assert "'_odd\\x1b[2J'" in warning
        assert [one.name for one in bench.serving.reloads[-1].model_config_list.config] == [MODEL, "_odd\x1b[2J"]
