"""Whatever happens in whatever order: what serves goes on serving, what is needed stays, and all ends as desired."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from configurator.serving import render
from events.desired import Latest, Pinned, Policy, choose
from events.names import ModelName, Version
from tests.support.configurator import Bench, write_sample

MODELS = ("a", "b")
MAX_VERSION = 6
GOOD: dict[str, object] = {}
SCRIPTS: dict[str, dict[str, object]] = {
    "good": GOOD,
    "slow": {"load_seconds": 3.0},
    "failing": {"fail": {"code": "DATA_LOSS", "message": "bytes are gone"}},
    "lying": {"predict_fail": {"code": "FAILED_PRECONDITION", "message": "uninitialized"}},
    "hanging": {"hang": True},
    "crashing": {"crash": True},
}
BROKEN = frozenset({"failing", "lying", "hanging", "crashing"})
AWAY_STEPS = 10
SETTLED_SECONDS = 120.0

models = st.sampled_from(MODELS)
versions = st.integers(1, MAX_VERSION).map(Version)
policies = st.builds(
    Policy,
    want=st.one_of(
        st.builds(Latest, count=st.integers(1, 2)),
        st.builds(Pinned, versions=st.lists(versions, min_size=1, max_size=2, unique=True).map(tuple)),
    ),
    labels=st.dictionaries(st.sampled_from(["stable", "canary"]), versions, max_size=2),
    paused=st.booleans(),
    removed=st.sampled_from([False, False, False, True]),
    refused=st.lists(versions, max_size=1).map(tuple),
)


class AnyOrder(RuleBasedStateMachine):
    """A node to which things happen."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.bench = Bench(self.folder, load_seconds=20.0, serving_lost_seconds=15.0, reload_seconds=30.0)
        self.bench.on_step = self.check
        self.kinds: dict[tuple[str, int], str] = {}
        self.lost: set[tuple[str, int]] = set()
        self.away_steps = 0
        self.sent = 0
        self.file = b""
        self.served: dict[str, tuple[int, bool]] = {}
        self.do(self.bench.__aenter__())

    def do(self, job: Coroutine[object, object, object]) -> None:
        self.loop.run_until_complete(job)

    @rule(model=models, kind=st.sampled_from(sorted(SCRIPTS)), version=versions)
    def publish(self, model: str, kind: str, version: Version) -> None:
        if (model, version) in self.kinds:
            return
        folder = self.bench.publish(version, model=model, seed=version, **SCRIPTS[kind])
        if kind == "lying":
            write_sample(folder, [2.5, 3.0])
        self.kinds[model, version] = kind

    @rule(model=models, policy=policies)
    def want(self, model: str, policy: Policy) -> None:
        self.bench.want(policy, model=model)

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.0, 3.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.do(self.bench.run(seconds))

    @precondition(
        lambda self: self.bench.reconciler.view.applied.config is not None and not self.bench.serving.is_stuck
    )
    @rule(model=models)
    def lose_folder(self, model: str) -> None:
        """Somebody deletes a model's folder by hand; the configurator gets to look before it can come back."""
        shutil.rmtree(self.folder / model, ignore_errors=True)
        self.lost |= {key for key in self.kinds if key[0] == model}
        self.kinds = {key: kind for key, kind in self.kinds.items() if key[0] != model}
        self.bench.rung = True
        self.do(self.bench.run(0.3))

    @rule()
    def restart_configurator(self) -> None:
        self.do(self.bench.restart())

    @rule()
    def restart_serving(self) -> None:
        self.bench.serving.start(self.bench.settings.config_file)

    @rule()
    def restart_serving_empty(self) -> None:
        self.bench.serving.start()

    @precondition(lambda self: self.bench.serving.is_running)
    @rule()
    def stop_serving(self) -> None:
        self.bench.serving.stop()

    def check(self) -> None:
        """Look after every step; a server that is away comes back after a while, with the file on disk."""
        serving = self.bench.serving
        self.check_reloads()
        self.check_file()
        for model in MODELS:
            self.check_served(ModelName(model))
        if not serving.is_running:
            self.away_steps += 1
            if self.away_steps >= AWAY_STEPS:
                self.away_steps = 0
                serving.start(self.bench.settings.config_file)

    @property
    def knows_config(self) -> bool:
        return self.bench.reconciler.view.applied.config is not None

    def check_reloads(self) -> None:
        for config in self.bench.serving.reloads[self.sent :]:
            for entry in config.model_config_list.config:
                assert entry.model_platform == "tensorflow"
                assert entry.model_version_policy.specific.versions
                for version in entry.model_version_policy.specific.versions:
                    assert Path(entry.base_path, str(version)).is_dir(), f"{entry.name}/{version} is not on disk"
        self.sent = len(self.bench.serving.reloads)

    def check_file(self) -> None:
        file = self.bench.settings.config_file
        if not file.exists() or (data := file.read_bytes()) == self.file:
            return
        self.file = data
        config = render.parse(data, self.bench.layout.model)
        for model, named in config.items():
            for version in named:
                if (model, version) in self.lost:
                    continue
                assert self.bench.layout.version(model, version).is_dir(), f"the file names {model}/{version}"

    def check_served(self, model: ModelName) -> None:
        serving = self.bench.serving
        available = serving.available(model)
        for version in available:
            is_there = self.bench.layout.version(model, Version(version)).is_dir()
            assert is_there or (model, version) in self.lost, f"{model}/{version} was deleted"
        policy = self.bench.policies.get(model, Policy())
        epoch, was_served = self.served.get(model, (-1, False))
        if epoch == serving.epoch and was_served and not policy.removed:
            assert available, f"{model} was served and is not any more"
        view = self.bench.reconciler.view
        good = view.models[model].good if model in view.models else frozenset()
        self.served[model] = (serving.epoch, bool(available & good) and not policy.removed)

    def teardown(self) -> None:
        try:
            self.do(self.bench.run(SETTLED_SECONDS))
            for model in MODELS:
                self.check_settled(ModelName(model))
        finally:
            self.do(self.bench.__aexit__(None, None, None))
            self.loop.close()
            shutil.rmtree(self.folder)

    def check_settled(self, model: ModelName) -> None:
        policy = self.bench.policies.get(model, Policy())
        on_disk = {version for version in range(1, MAX_VERSION + 1) if (self.folder / model / str(version)).exists()}
        if policy.removed:
            assert not self.bench.available(model)
            assert not on_disk
            return
        usable = {Version(version) for version in on_disk if self.kinds[model, version] not in BROKEN}
        wanted = set(choose(policy, usable)) | ((usable & set(policy.labels.values())) - set(policy.refused))
        if wanted and not policy.paused:
            assert self.bench.available(model) == wanted, self.bench.words(model)
            assert self.bench.serving.labels.get(model, {}) == {
                label: version for label, version in policy.labels.items() if version in wanted
            }


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
