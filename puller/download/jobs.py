"""Transfers under way: each a task beside the passes, so that a big version does not hold up a small one.

A task stages, has the bucket listed again while it seals the stage, publishes, and wakes the loop. What went wrong is
kept with the time of the next try; the plan of a later pass decides whether there is one.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from events.messages import (
    DownloadStarted,
    VersionExtended,
    VersionPublished,
    VersionVerified,
)
from events.names import ModelName, Version
from events.status import Progress, Stage
from puller.bucket.completeness import Complete, Unusable
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Key, ObservedVersions
from puller.download import events
from puller.download.dependencies import DownloadDependencies, Fetcher
from puller.download.failures import FINAL, Failure, Failures, stage_of
from puller.download.steps import Extend, Fetch, StageGraph
from puller.download.transfer import Wanted
from service import logs, metrics
from service.errors import Invalid, ModelManagerError, Transient
from service.gather import gather_all
from service.isolation import Trouble, Troubles, alone
from service.signatures.assess import Untrusted
from service.structure import graph_in, readable

log = logs.get("puller.fetching")
MAX_NAMED = 5  # files in a line of the log


@dataclass(slots=True)
class _Job:
    task: "asyncio.Task[None]"
    is_download: bool
    progress: Progress
    told_quarters: int = 0  # of the transfer; reports have all of it, the history three words


class Downloads:
    """Owns the tasks; `run` ends them with the process."""

    def __init__(
        self, fetcher: Fetcher, observed: ObservedVersions, around: DownloadDependencies, *, parallel: int
    ) -> None:
        """Keep what was given; `parallel` downloads run at once (each takes its share of the transfer's bounds)."""
        self._fetcher = fetcher
        self._observed = observed
        self._around = around
        self._parallel = parallel
        self._jobs: dict[Key, _Job] = {}
        self._failures = Failures()
        self._troubles = Troubles(log)

    async def run(self) -> None:
        """Wait for the end of the process, then end all transfers."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            tasks = [job.task for job in self._jobs.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def free_slots(self) -> int:
        """How many more downloads may start."""
        return self._parallel - sum(job.is_download for job in self._jobs.values())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being staged or published."""
        return not self._jobs

    def under_way(self, model: ModelName) -> frozenset[Version]:
        """The versions of a model that are being fetched."""
        return frozenset(version for name, version in self._jobs if name == model)

    def progress(self, model: ModelName, version: Version) -> Progress | None:
        """How far a version is."""
        job = self._jobs.get((model, version))
        return job.progress if job else None

    def failures(self, model: ModelName) -> dict[Version, Failure]:
        """The versions of a model whose last try failed, while the bucket still has what was tried."""
        return self._failures.of(model, self._observed.seen(model), now=asyncio.get_running_loop().time())

    def start(self, key: Key, step: Fetch | Extend | StageGraph) -> None:
        """Begin to fetch a version, what came to it later, or its graph."""
        files = self._observed.seen(key[0])[key[1]].files
        task = asyncio.get_running_loop().create_task(self._follow(key, files, self._work(key, step)))
        begun = Progress(bytes_done=0, bytes_total=step.size, bytes_per_second=0.0, seconds_left=None)
        self._jobs[key] = _Job(task, not isinstance(step, StageGraph), begun)

    def _work(self, key: Key, step: Fetch | Extend | StageGraph) -> Coroutine[None, None, None]:
        match step:
            case Fetch():
                return self._download(key, step)
            case Extend():
                return self._extend(key, step)
            case StageGraph():
                return self._learn_graph(key, step)

    def cancel(self, key: Key) -> None:
        """End a transfer; what it staged is swept by a later pass."""
        if job := self._jobs.get(key):
            job.task.cancel()

    def try_again(self, stage: Stage) -> None:
        """Try again at once what failed so: there is room now, or others are believed."""
        for model in self._failures.forgive(stage):
            self._around.on_end(model)

    async def _follow(self, key: Key, files: tuple[RemoteFile, ...], work: Coroutine[None, None, None]) -> None:
        """Do the work and keep what became of it: trouble with one version never reaches another."""
        try:
            (outcome,) = await asyncio.gather(work, return_exceptions=True)
            if isinstance(outcome, Exception):
                self._fail(key, files, outcome)
            else:
                self._failures.forget(key)
        finally:
            del self._jobs[key]
            self._around.on_end(key[0])

    def _fail(self, key: Key, files: tuple[RemoteFile, ...], error: Exception) -> None:
        reason = Trouble(error).reason
        stage = stage_of(error)
        self._failures.add(key, files, reason=reason, stage=stage, now=asyncio.get_running_loop().time())
        if stage not in FINAL:
            self._observed.doubt(*key)  # it may have been replaced under our hands
        metrics.DOWNLOADS_FAILED.labels(outcome=stage.value).inc()
        if not isinstance(error, ModelManagerError):
            log.bug("transfer failed by a bug", error=error, model=key[0], version=key[1])
        self._troubles.take("tell", key, alone(self._tell_failure, key, files, error))

    def _tell_failure(self, key: Key, files: tuple[RemoteFile, ...], error: Exception) -> None:
        if stage_of(error) is Stage.NO_SPACE:
            self._around.ask_for_room()
        if event := events.failed(key, files, error):
            self._around.emit(event)

    async def _download(self, key: Key, step: Fetch) -> None:
        model, version = key
        around, wanted = self._around, Wanted(model, version, step.files)
        belief = await around.trust.assess(model, version, step.files)
        started = asyncio.get_running_loop().time()
        around.emit(
            DownloadStarted(model=model, version=version, files=len(step.files), bytes_total=step.size),
        )
        fetched = await self._fetcher.fetch(wanted, on_progress=lambda progress: self._show(key, progress))
        seconds = asyncio.get_running_loop().time() - started
        around.emit(events.finished(key, fetched, seconds=seconds))
        belief = await around.trust.compare(belief, around.stage(model, version))
        receipt = wanted.receipt(staged=around.clock(), belief=belief)
        await gather_all([self._check(key, step.files), around.seal(receipt)])
        around.emit(VersionVerified(model=model, version=version, files=len(step.files), bytes=step.size))
        await around.publish(receipt)
        around.emit(
            VersionPublished(
                model=model,
                version=version,
                files=len(step.files),
                bytes=step.size,
                signed_by=belief.signed_by,
                provenance=belief.provenance,
            )
        )
        log.info("version published", model=model, version=version, files=len(step.files), bytes=step.size)

    async def _extend(self, key: Key, step: Extend) -> None:
        """Do as with a download, and put the files that came late beside the published ones."""
        model, version = key
        around, wanted = self._around, Wanted(model, version, step.files, bytes_held=step.bytes_held)
        belief = await around.trust.assess(model, version, step.files)
        await self._fetcher.fetch(wanted, on_progress=lambda progress: self._show(key, progress))
        belief = await around.trust.compare(belief, around.stage(model, version))
        if step.signed_by and not belief.signed_by:
            raise Untrusted(f"signed by {step.signed_by} as published, and with these files by nobody whom we believe")
        await self._check(key, step.files)
        receipt = wanted.receipt(staged=around.clock(), belief=belief)
        await around.extend(receipt, step.names)
        around.emit(VersionExtended(model=model, version=version, files=len(step.names), bytes=step.size))
        log.info("version extended", model=model, version=version, files=sorted(step.names)[:MAX_NAMED])

    async def _check(self, key: Key, files: tuple[RemoteFile, ...]) -> None:
        """Make sure that what was staged is what the bucket has, and a whole model: by its graph if it was not read."""
        model, version = key
        await self._observed.list(model, version)
        name = graph_in({file.name for file in files})
        graph = next((file for file in files if file.name == name and readable(name)), None)
        if graph is not None and self._observed.needs(model, version) is None:
            await self._read_graph(key, graph)
        await self._around.check_warmup(self._around.stage(*key), self._observed.needs(model, version))
        seen = self._observed.last_seen(model, version)
        if seen and seen.files == files and isinstance(seen.assessment, Unusable):
            raise Invalid(seen.assessment.reason)
        if seen is None or seen.files != files or not isinstance(seen.assessment, Complete):
            raise _Changed(f"{model} version {version} changed in the bucket while it was fetched; looking at it again")

    async def _learn_graph(self, key: Key, step: StageGraph) -> None:
        wanted = Wanted(*key, (step.file,), is_whole=False, bytes_held=step.bytes_held)
        await self._fetcher.fetch(wanted, on_progress=lambda progress: self._show(key, progress))
        await self._read_graph(key, step.file)

    async def _read_graph(self, key: Key, graph: RemoteFile) -> None:
        try:
            needs = await self._around.read_needs(self._around.stage(*key) / graph.name)
        except Invalid as error:
            self._observed.learn(*key, graph=graph, needs=str(error))
        else:
            self._observed.learn(*key, graph=graph, needs=needs)

    def _show(self, key: Key, progress: Progress) -> None:
        job = self._jobs[key]
        job.progress = progress
        quarters = 4 * progress.bytes_done // max(1, progress.bytes_total)
        if job.is_download and job.told_quarters < quarters < 4:
            job.told_quarters = quarters
            self._around.emit(events.progressed(key, progress))


class _Changed(Transient):
    """What was staged is not what the bucket has now."""
