"""Somebody who may write to the bucket uploads versions whose every file is meant to hurt who reads it."""

import json

import httpx

from tests.attack.cluster import NODES, Cluster
from tests.support.exports import MODELS
from tests.support.stack import eventually

EXPORT = MODELS / "half_plus_two" / "1"
GOOD = {path.relative_to(EXPORT).as_posix(): path.read_bytes() for path in sorted(EXPORT.rglob("*")) if path.is_file()}
SCRIPT = "assets.extra/scripted.json"
SMOKE = "assets.extra/smoke.json"
WARMUP = "assets.extra/tf_serving_warmup_requests"
DIGITS = b'{"instances": {"x": [1' + b"0" * 400 + b']}, "outputs": {"y": [1]}}'
MEGABYTES = "\x1b[2J\udcff" + "x" * 4_000_000
HOSTILE = {
    "digits": {SMOKE: DIGITS},
    "values": {SMOKE: b'{"instances": {"x": [' + b"1," * 500_000 + b'1]}, "outputs": {"y": 1}}'},
    "deep": {SMOKE: b'{"instances": {"x": ' + b"[" * 400_000 + b"}"},
    "huge": {SMOKE: b'{"instances": {"x": [1e300]}, "outputs": {"y": [1]}}'},
    "warm": {WARMUP: b"\x0a\x01\xff" * 1000},
    "words": {SCRIPT: json.dumps({"fail": {"code": "INVALID_ARGUMENT", "message": MEGABYTES}}).encode()},
}
PATIENCE_SECONDS = 90.0


def upload(cluster: Cluster, model: str, version: int, files: dict[str, bytes]) -> None:
    """Put a version into the bucket."""
    for name, data in {**GOOD, **files}.items():
        cluster.bucket.write(f"{model}/{version}/{name}", data)


async def test_a_hostile_version_hurts_its_model_alone(cluster: Cluster) -> None:
    """Each is refused in words that a terminal can show; a model beside them is served on both nodes, and stays so."""
    async with httpx.AsyncClient(
        base_url=cluster.master_url, headers=cluster.signed_in(), trust_env=False, timeout=30
    ) as client:

        async def cell(model: str, node: str) -> dict[str, object]:
            reply = await client.get(f"/v1/models/{model}/nodes/{node}")
            return dict(reply.json()) if reply.status_code == 200 else {}

        async def serves() -> list[object]:
            return [(await cell("good", node)).get("serving") for node in NODES]

        async def serves_first() -> bool:
            return await serves() == [[1], [1]]

        async def serves_second() -> bool:
            return await serves() == [[2], [2]]

        async def are_refused() -> bool:
            states = [(await cell(model, node)).get("state") for model in HOSTILE for node in NODES]
            return set(states) <= {"quarantined", "failed"}

        with cluster.bounded():
            upload(cluster, "good", 1, {})
            await eventually(serves_first, seconds=PATIENCE_SECONDS)
            for model, files in HOSTILE.items():
                upload(cluster, model, 1, files)
            upload(cluster, "good", 2, {})
            await eventually(serves_second, seconds=PATIENCE_SECONDS)
            await eventually(are_refused, seconds=PATIENCE_SECONDS)
            for model in HOSTILE:
                reason = str((await cell(model, NODES[0]))["reason"])
                assert len(reason) < 1500
                assert reason.replace("\n", "").isprintable()
