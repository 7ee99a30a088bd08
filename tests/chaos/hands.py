"""Hands on the cluster: they do what the plan's operations say, as a training job and an operator would."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import google_crc32c
import requests
from google.api_core.exceptions import GoogleAPIError

from events import manifest, pieces
from events.manifest import Content
from events.names import MANIFEST_NAME, FileName
from events.pieces import Table
from infra.local.bucket import Bucket
from infra.local.faults.rehearsal import Stage
from service import layout
from service.layout import Layout
from tests.chaos import content
from tests.chaos.content import Kind
from tests.chaos.observations import FOR_EVER, Seen, Uploaded, Window
from tests.chaos.plan import Delete, Operate, Order, Upload
from tests.chaos.signing import Signing

ORDER_SECONDS: Final = 15.0
KILLED: Final = "TensorFlow Serving went away"
REMOVED: Final = "an operator removed the model"
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@dataclass(slots=True)
class Hands:
    """Uploads, deletes and orders; keeps what the bucket has, and tells the checker what was uploaded."""

    bucket: Bucket
    master_url: str
    nodes: tuple[str, ...]
    seen: Seen
    signing: Signing
    kinds: dict[tuple[str, int], Kind] = field(default_factory=dict)  # what the bucket has whole
    by_digest: dict[tuple[str, int, str], Kind] = field(default_factory=dict)  # all that it ever had
    locks: dict[tuple[str, int], asyncio.Lock] = field(default_factory=dict)
    removed: dict[str, list[Window]] = field(default_factory=dict)

    async def upload(self, step: Upload) -> str:
        """Write a version, its manifest last."""
        found = self.signing.files(step)
        key, digest = (step.model, step.version), content.digest(found)
        is_tampered = step.kind is Kind.TAMPERED
        self.seen.uploads.append(Uploaded(*key, digest, step.content, step.kind.is_servable, is_tampered))
        self.by_digest[(*key, digest)] = step.kind
        async with self.locks.setdefault(key, asyncio.Lock()):
            self.kinds.pop(key, None)
            for name, data in found.items():
                await self._write(f"{step.model}/{step.version}/{name}", data)
                await asyncio.sleep(step.pause_seconds)
            if step.has_manifest:
                await self._write(
                    f"{step.model}/{step.version}/{MANIFEST_NAME}", render(found, has_pieces=step.has_pieces)
                )
            self.kinds[key] = step.kind
        return "uploaded"

    async def delete(self, step: Delete) -> str:
        """Delete a version, its graph first: what is left of it is not whole by any measure."""
        base = f"{step.model}/{step.version}/"
        async with self.locks.setdefault((step.model, step.version), asyncio.Lock()):
            self.kinds.pop((step.model, step.version), None)
            names = await asyncio.to_thread(self.bucket.names, base)
            first = (base + content.GRAPH, base + MANIFEST_NAME)
            for name in sorted(names, key=lambda name: (name not in first, name)):
                await self._patiently(self.bucket.delete, name)
        return f"deleted {len(names)} objects"

    async def operate(self, step: Operate, *, now: float) -> str:
        """Order something of the master; its answer."""
        if step.order is Order.REMOVE:
            windows = [Window(REMOVED, node, step.model, now, patience_seconds=FOR_EVER) for node in self.nodes]
            self.removed.setdefault(step.model, []).extend(windows)
            self.seen.windows.extend(windows)
        change: dict[str, object] = {"kind": step.order.value, "ahead": True}  # the nodes may not have seen it yet
        if step.order is Order.PIN:
            change["versions"] = [step.version]
        return await asyncio.to_thread(order, self.master_url, step.model, change)

    async def retry(self, stage: Stage) -> str:
        """Have good versions tried again that are in quarantine because this run killed TensorFlow Serving twice.

        So an operator would, who knows why it went away; the configurator cannot.
        """
        said = []
        place = Layout(stage.node.models)
        records = [record for model in layout.names(place) for record in layout.quarantined(place, model).values()]
        for record in records:
            model, version = record.model, record.version
            if KILLED in record.reason and self.kinds.get((model, version), Kind.HALF).is_servable:
                change = {"kind": "retry", "version": version, "ahead": True}
                words = await asyncio.to_thread(order, self.master_url, model, change)
                said.append(f"retry {model} {version} for {stage.name}: {words}")
        return "; ".join(said)

    def restored(self, model: str, *, now: float) -> None:
        """The operator wants the model again: from now on it must come back."""
        for window in self.removed.pop(model, []):
            window.end = now

    async def _write(self, name: str, data: bytes) -> None:
        await self._patiently(lambda: self.bucket.write(name, data))

    async def _patiently(self, call: "object", *arguments: object) -> None:
        assert callable(call)
        try:
            await asyncio.to_thread(call, *arguments)
        except (GoogleAPIError, requests.RequestException):
            await asyncio.sleep(0.5)  # the GCS server is the real one's stand-in and not under test: once more
            await asyncio.to_thread(call, *arguments)


def render(found: dict[str, bytes], *, has_pieces: bool) -> bytes:
    """The manifest of these files."""
    contents = {FileName(name): Content(len(data), int(google_crc32c.value(data))) for name, data in found.items()}
    table = Table({FileName(name): pieces.digests(len(data), [data]) for name, data in found.items()})
    return manifest.render(contents, table if has_pieces else None)


def order(master_url: str, model: str, change: Mapping[str, object]) -> str:
    """Send one change; what the master said."""
    body = json.dumps({"change": change}).encode()
    url = f"{master_url}/v1/models/{model}/changes"
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
    try:
        with _open(asked, timeout=ORDER_SECONDS) as answer:
            return str(json.loads(answer.read())["summary"])
    except urllib.error.HTTPError as error:
        return f"refused with {error.code}: {error.read()[:200].decode(errors='replace')}"
    except OSError as error:
        return f"no answer: {error}"
