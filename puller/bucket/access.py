"""How this process reaches Cloud Storage: one address, one account and one HTTP session for everything.

`STORAGE_EMULATOR_HOST` and the default credentials mean what they mean to Google's clients. Calls of Google's libraries
block, so they run in the threads kept here: a slow bucket cannot use up the threads of the rest of the process.
"""

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from puller.bucket.connections import STRAIGHT
from service import google_access
from service.causes import cause
from service.errors import Transient
from service.google_access import Way
from service.threads import Threads

if TYPE_CHECKING:  # loaded on first use: they cost 50 MB and a third of a second
    import requests
    from google.auth.credentials import Credentials
    from google.cloud.storage import Bucket, Client

R = TypeVar("R")

GOOGLE = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
TIMEOUT_SECONDS = (5.0, 15.0)  # to connect, and between two pieces of an answer
THREADS = 8  # every range of a transfer that is under way, or eight lists at once


class Access:
    """Connects on first use. `emulator` is what STORAGE_EMULATOR_HOST says, empty for the real Cloud Storage.

    `billing_project` pays for each request, where the bucket has requester-pays; empty where its own project does.
    `way` is for clients of the standard library; no proxy stands before an emulator.
    """

    def __init__(self, *, emulator: str, billing_project: str = "", way: Way = STRAIGHT) -> None:
        self.billing_project = billing_project
        self.is_emulator = bool(emulator)
        self.way = STRAIGHT if emulator else way
        self.endpoint = _url(emulator) if emulator else GOOGLE
        self._threads = Threads(THREADS)
        self._refreshing = threading.Lock()

    async def run(self, call: Callable[[], R]) -> R:
        """Run a blocking call in a thread."""
        return await self._threads.run(call)

    def close(self) -> None:
        """Let go of connections; a call that is under way ends by its own time-out."""
        if "session" in self.__dict__:
            self.session.close()

    @cached_property
    def client(self) -> "Client":
        """Google's client. Blocking on first use."""
        from google.cloud.storage import Client  # noqa: PLC0415

        # Else the client asks for the bucket's metadata behind our back, to adorn traces: a request that nobody wanted,
        # and a right that the account need not have.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        options = {"api_endpoint": self.endpoint} if self.is_emulator else None
        return Client(
            project="none", credentials=self._credentials, client_options=options, _http=self.session
        )  # a project is only asked for where buckets are made

    def bucket(self, name: str) -> "Bucket":
        """A bucket, as Google's client knows it; every request for it names who pays. Blocking on first use."""
        return self.client.bucket(name, user_project=self.billing_project or None)

    @cached_property
    def session(self) -> "requests.Session":
        """The HTTP session, signed in. Blocking on first use."""
        import requests  # noqa: PLC0415

        session = requests.Session() if self.is_emulator else self._signed_in()
        session.trust_env = not self.is_emulator  # no proxy stands before an emulator
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=THREADS)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    async def headers(self) -> dict[str, str]:
        """What signs a request in; a token that is about to end is renewed first."""
        if self.is_emulator:
            return {}
        if "_credentials" not in self.__dict__ or not self._credentials.valid:
            await self.run(self._refresh)
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def _refresh(self) -> None:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        with self._refreshing:
            if self._credentials.valid:  # another request was first
                return
            try:
                self._credentials.refresh(google_access.TimedRequest())  # type: ignore[no-untyped-call] # partly typed
            except GoogleAuthError as error:
                raise Transient(
                    f"cannot sign in to Cloud Storage: {cause(error)}; trying again at each poll"
                ) from error

    def _signed_in(self) -> "requests.Session":
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415

        return AuthorizedSession(  # type: ignore[no-untyped-call] # google-auth is partly typed
            self._credentials, auth_request=google_access.TimedRequest()
        )

    @cached_property
    def _credentials(self) -> "Credentials":
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

        if self.is_emulator:
            return AnonymousCredentials()  # type: ignore[no-untyped-call] # google-auth is partly typed
        try:
            return google_access.credentials([SCOPE])
        except DefaultCredentialsError as error:
            raise Transient(f"no Google credentials: {cause(error)}") from error


def _url(host: str) -> str:
    return host.rstrip("/") if "://" in host else f"http://{host.rstrip('/')}"
