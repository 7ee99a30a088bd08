"""The first engine: obstore, whose HTTP and TLS run outside Python's interpreter lock.

It is three to eight times as fast as the download of Google's client (docs/decisions). Retries and checks are the
caller's, so its own are off; signing in stays with Google's library, which knows every kind of account. It is imported
by the first transfer, for a node that fetches nothing has no use for its 4 MiB.
"""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

from events.wording import of_library
from puller.access import TIMEOUT_SECONDS, Access
from puller.engine import PIECE_BYTES, Interrupted, Replaced
from puller.objects import RemoteFile
from service.errors import Transient

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSConfig, GCSCredential, GCSStore

REQUEST_TIMEOUT: Final = "1 day"  # of a whole request; what matters is a time without bytes, which the lane watches


class ObstoreEngine:
    """Reads a bucket through obstore."""

    def __init__(self, bucket: str, access: Access) -> None:
        self._bucket = bucket
        self._access = access

    async def stream(self, file: RemoteFile, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield a range of a generation; see `Engine`."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

        try:
            answer = await obstore.get_async(
                self._store, file.object_name, options={"range": (start, end), "version": str(file.generation)}
            )
            if answer.range != (start, end):
                raise Interrupted(f"{file.object_name}: asked for bytes {start} to {end}, got {answer.range}")
            async for data in answer.stream(PIECE_BYTES):
                yield bytes(data)
        except FileNotFoundError as error:
            raise Replaced(file) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Transient(
                f"this account may not read {file.object_name} in {self._bucket}: {of_library(error)}"
            ) from error
        except (BaseError, ValueError) as error:
            raise Interrupted(f"{file.object_name} in {self._bucket} cannot be read: {of_library(error)}") from error

    @cached_property
    def _store(self) -> "GCSStore":
        from obstore.store import GCSStore  # noqa: PLC0415

        options: ClientConfig = {"connect_timeout": f"{TIMEOUT_SECONDS[0]:g}s", "timeout": REQUEST_TIMEOUT}
        if not self._access.is_emulator:
            return GCSStore(
                self._bucket,
                client_options=options,
                retry_config={"max_retries": 0},
                credential_provider=self._credential,
            )
        key = {"gcs_base_url": self._access.endpoint, "disable_oauth": True, "client_email": "", "private_key": ""}
        config: GCSConfig = {"service_account_key": json.dumps({**key, "private_key_id": ""})}
        return GCSStore(
            self._bucket, config=config, client_options={**options, "allow_http": True}, retry_config={"max_retries": 0}
        )

    async def _credential(self) -> "GCSCredential":
        token, ends = await self._access.run(self._access.token)
        return {"token": token, "expires_at": ends.replace(tzinfo=UTC) if isinstance(ends, datetime) else None}
