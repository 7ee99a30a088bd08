"""What a node says of itself over HTTP: the puller's whole status, and TensorFlow Serving's word on a model."""

import http
import urllib.error
import urllib.request

from pydantic import BaseModel

from events.names import ModelName, Version
from events.status import PulledVersion, PullerReport

SECONDS = 5.0
# No proxy of the person's environment may stand before loopback.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class _Served(BaseModel):
    version: int
    state: str


class _Statuses(BaseModel):
    model_version_status: list[_Served]


def pulled(puller_url: str, model: ModelName, version: Version) -> PulledVersion | None:
    """How the puller sees a version, or None while it does not know it."""
    report = PullerReport.model_validate_json(_get(f"{puller_url}/status"))
    return next((one for one in report.models.get(model, []) if one.version == version), None)


def served(rest_url: str, model: ModelName) -> dict[int, str]:
    """The versions of a model that TensorFlow Serving knows, with their states; none where it does not know it."""
    try:
        statuses = _Statuses.model_validate_json(_get(f"{rest_url}/v1/models/{model}"))
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.NOT_FOUND:
            raise
        return {}
    return {one.version: one.state for one in statuses.model_version_status}


def _get(url: str) -> bytes:
    with _open(url, timeout=SECONDS) as response:
        return bytes(response.read())
