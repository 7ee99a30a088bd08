"""The other side of `control`, for tests and for the shell."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from infra.local.faults.link import Mode
from infra.local.faults.mischief import BucketFaults

TIMEOUT_SECONDS = 10.0


class Refused(Exception):
    """The control port did not do it."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The remote control of the proxies, by the address of their control port."""

    host: str
    port: int

    def state(self) -> str:
        """Everything, as JSON."""
        return self._ask("GET", "/", {})

    def tally(self) -> dict[str, int]:
        """What the bucket proxy did since its faults were last set."""
        found = json.loads(self.state())["bucket"]
        return dict(found["tally"]) if found else {}

    def bucket(self, faults: BucketFaults) -> None:
        """Have the bucket misbehave like this."""
        self._ask("PUT", "/bucket", asdict(faults))

    def link(self, name: str, mode: Mode) -> None:
        """Turn a link."""
        self._ask("PUT", f"/links/{name}", {"mode": mode.value})

    def reset(self, name: str) -> None:
        """Reset the connections of a link."""
        self._ask("POST", f"/links/{name}/reset", {})

    def calm(self) -> None:
        """End all faults."""
        self._ask("POST", "/calm", {})

    def _ask(self, method: str, path: str, values: Mapping[str, object]) -> str:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body=json.dumps(values))
            answer = connection.getresponse()
            words = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise Refused(f"{method} {path}: {words}")
        return words
