"""The services' own HTTP ports: the way round NATS."""

import http.client
from functools import partial

from pydantic import SecretStr

from events.commands import MAX_ANSWER_BYTES
from events.names import NodeName
from events.status import MAX_REPORT_BYTES
from service.commands import FOR_NODE
from service.errors import Transient
from service.threads import Threads

PARALLEL = 32  # a node that is gone holds a thread for a time-out of 2 s: 1,000 of them are through in about a minute
MAX_BYTES = MAX_REPORT_BYTES + MAX_ANSWER_BYTES


class NodeHttpClient:
    """Asks services over HTTP. `Transient` where no answer comes."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token
        self._threads = Threads(PARALLEL)

    async def status(self, address: str, *, seconds: float) -> bytes:
        """Return a service's report."""
        ask = partial(_exchange, address, "GET", "/status", headers={}, body=None, seconds=seconds)
        return await self._threads.run(ask)

    async def command(self, address: str, name: str, *, node: NodeName, body: bytes, seconds: float) -> bytes:
        """Send a node a command and return the answer. Another node that lives at the address now does nothing."""
        headers = {"Content-Type": "application/json", FOR_NODE: node}
        if secret := self._token.get_secret_value():  # not to whatever address a report may name
            headers["Authorization"] = f"Bearer {secret}"
        ask = partial(_exchange, address, "POST", f"/commands/{name}", headers=headers, body=body, seconds=seconds)
        return await self._threads.run(ask)


def _exchange(
    address: str, method: str, path: str, *, headers: dict[str, str], body: bytes | None, seconds: float
) -> bytes:
    try:
        connection = http.client.HTTPConnection(address, timeout=seconds)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            data = response.read(MAX_BYTES + 1)  # one more tells that it is too big
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise Transient(f"{address} does not answer over HTTP: {error}") from error
    if response.status not in {200, 400}:  # 400 brings an answer that says what was wrong with the command
        raise Transient(f"{address} answered {response.status} over HTTP: {data[:200].decode(errors='replace')}")
    return data
