"""How a process reaches Google: by which proxy, trusting which CAs, and signed in as whom.

Several client libraries are at work (requests, gRPC, the standard library), and each reads variables of its own. One
setting is spread to all of them here, before the first of them is used.
"""

import json
import os
import re
import ssl
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # loaded on first use: they cost 20 MB and a tenth of a second
    from google.auth.credentials import Credentials
    from google.auth.transport import Response

PROXY: Final = ("HTTPS_PROXY", "https_proxy", "grpc_proxy")
NO_PROXY: Final = ("NO_PROXY", "no_proxy", "no_grpc_proxy")
CA_FILE: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
SIGN_IN_SECONDS: Final = (5.0, 5.0)  # to connect, and to wait for the answer; google-auth would wait for two minutes
DEFAULT_FILE: Final = "application_default_credentials.json"
_PROXY: Final = re.compile(r"http://([^\s/@:]+:[^\s/@]+@)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}/?", re.ASCII)
AWS: Final = "urn:ietf:params:aws:token-type:aws4_request"


def spread(environment: MutableMapping[str, str], *, proxy: str = "", ca_file: str = "") -> None:
    """Have every client library use the same proxy and CAs: those that are given, else those of the first variable."""
    for names, given in ((PROXY, proxy), (NO_PROXY, ""), (CA_FILE, ca_file)):
        value = given or next((environment[name] for name in names if environment.get(name)), "")
        if not value or (names is CA_FILE and not Path(value).is_file()):
            continue
        for name in names:
            if given or not environment.get(name):
                environment[name] = value


def check_proxy(address: str) -> str:
    """Return a proxy's address, or raise ValueError; a password in it is not repeated."""
    if address and not _PROXY.fullmatch(address):
        raise ValueError("not the address of a proxy (http://[<user>:<password>@]HOST:PORT)")
    return address


def check_ca_file(path: Path) -> Path:
    """Return a file of CA certificates, or raise ValueError where it holds none."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{path} holds no CA certificate in PEM form: {error.strerror or error}") from error
    return path


def credentials(scopes: Sequence[str]) -> "Credentials":
    """Find the default credentials, as Google's libraries do. Blocking; asks for no token yet.

    `google.auth.default` asks Cloud Resource Manager, too, for the id of the project that a federated identity belongs
    to. Nobody here needs it, and a firewall that lets the documented hosts through alone makes that question hang.
    """
    import google.auth  # noqa: PLC0415
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415

    file = _file(os.environ)
    try:
        info = json.loads(file.read_bytes()) if file else {}
        if isinstance(info, dict) and info.get("type") == "external_account":
            return _federated(info, scopes)
    except (OSError, ValueError) as error:
        raise DefaultCredentialsError(  # type: ignore[no-untyped-call] # google-auth is partly typed
            f"{file} holds no credentials: {error}"
        ) from error
    found, _ = google.auth.default(scopes=list(scopes))
    return found


class TimedRequest:
    """Requests of google-auth that end when somebody still waits for them, and are not tried again behind our back."""

    def __init__(self) -> None:
        from google.auth.transport.requests import Request  # noqa: PLC0415
        from requests import Session  # noqa: PLC0415

        self._request: Request = Request(Session())

    def __call__(self, url: str, **options: object) -> "Response":
        """Send a request, within `SIGN_IN_SECONDS`."""
        answer: Response = self._request(url, **{**options, "timeout": SIGN_IN_SECONDS})
        return answer


def _federated(info: dict[str, object], scopes: Sequence[str]) -> "Credentials":
    from google.auth import aws, identity_pool, pluggable  # noqa: PLC0415

    source = info.get("credential_source")
    kind: type[aws.Credentials | identity_pool.Credentials | pluggable.Credentials] = identity_pool.Credentials
    if info.get("subject_token_type") == AWS:
        kind = aws.Credentials
    elif isinstance(source, dict) and "executable" in source:
        kind = pluggable.Credentials
    found: Credentials = kind.from_info(info, scopes=list(scopes))  # type: ignore[no-untyped-call] # partly typed
    return found


def _file(environment: Mapping[str, str]) -> Path | None:
    """Find the file of credentials: the one that is named, else the one that gcloud keeps."""
    if named := environment.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return Path(named)
    folder = environment.get("CLOUDSDK_CONFIG") or Path(environment.get("HOME", "/"), ".config", "gcloud")
    kept = Path(folder, DEFAULT_FILE)
    return kept if kept.is_file() else None
