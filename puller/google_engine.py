"""The second engine: the session of Google's client, read in large pieces in threads.

For where obstore cannot be used. The client's own download reads 8 KiB at a time, which is what makes it slow; this
reads the same answers of the same session without it.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from urllib.parse import quote

from events.wording import of_library
from puller.access import TIMEOUT_SECONDS, Access
from puller.engine import PIECE_BYTES, Interrupted, Replaced
from puller.objects import RemoteFile
from service.errors import Transient

if TYPE_CHECKING:
    from requests import Response


class GoogleEngine:
    """Reads a bucket through the session of Google's client."""

    def __init__(self, bucket: str, access: Access) -> None:
        self._bucket = bucket
        self._access = access

    async def stream(self, file: RemoteFile, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of a generation; see `Engine`."""
        answer = await self._access.run(lambda: self._get(file, start=start, end=end))
        try:
            while data := await self._access.run(lambda: self._read(file, answer)):
                yield data
        except BaseException:
            _break_off(answer)
            raise
        finally:
            answer.close()

    def _get(self, file: RemoteFile, *, start: int, end: int) -> "Response":
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        path = f"/download/storage/v1/b/{quote(self._bucket, safe='')}/o/{quote(file.object_name, safe='')}"
        try:
            answer = self._access.session.get(
                f"{self._access.endpoint}{path}",
                params={"alt": "media", "generation": str(file.generation)},
                headers={"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"},
                stream=True,
                timeout=TIMEOUT_SECONDS,
            )
        except GoogleAuthError as error:
            raise Transient(
                f"cannot sign in to read {file.object_name} in {self._bucket}: {of_library(error)}"
            ) from error
        except RequestException as error:
            raise Interrupted(f"{file.object_name} in {self._bucket} cannot be read: {of_library(error)}") from error
        if problem := self._problem(file, answer, start=start, end=end):
            answer.close()
            raise problem
        return answer

    def _problem(self, file: RemoteFile, answer: "Response", *, start: int, end: int) -> Transient | None:
        place = f"{file.object_name} in {self._bucket}"
        match answer.status_code:
            case 206 if answer.headers.get("Content-Range", "").startswith(f"bytes {start}-{end - 1}/"):
                return None
            case 404:
                return Replaced(file)
            case 401 | 403:
                return Transient(f"this account may not read {place}: HTTP status {answer.status_code}")
            case status:
                return Interrupted(
                    f"{place} cannot be read: HTTP status {status} instead of the range that was asked for"
                )

    def _read(self, file: RemoteFile, answer: "Response") -> bytes:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return bytes(answer.raw.read(PIECE_BYTES, decode_content=False))
        except (HTTPError, OSError) as error:
            raise Interrupted(f"{file.object_name} in {self._bucket} broke off: {of_library(error)}") from error


def _break_off(answer: "Response") -> None:
    """Wake the thread that may still be reading: closing would wait for it."""
    with contextlib.suppress(ValueError, RuntimeError):  # nothing is being read any more
        answer.raw.shutdown()
