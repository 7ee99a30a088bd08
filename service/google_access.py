"""How a process reaches Google: by which proxy, trusting which CAs, and signed in as whom.

Several client libraries are at work. requests and gRPC read variables of their own, so one setting is spread to those
variables, before the first of them is used. Clients of the standard library read none of them: they are given a `Way`.
"""

import json
import os
import re
import ssl
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # loaded on first use: they cost 20 MB and a tenth of a second
    from google.auth.credentials import Credentials
    from google.auth.transport import Response

PROXY: Final = ("HTTPS_PROXY", "https_proxy", "grpc_proxy")
NO_PROXY: Final = ("NO_PROXY", "no_proxy", "no_grpc_proxy")
CA_FILE: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
# The first is everybody's in this process, NATS's client too, so it is read and never set: what vouches for Google need
# not vouch for them.
CA_FILE_OF_GOOGLE: Final = CA_FILE[1:]
SIGN_IN_SECONDS: Final = (5.0, 5.0)  # to connect, and to wait for the answer; google-auth would wait for two minutes
DEFAULT_FILE: Final = "application_default_credentials.json"
_PROXY: Final = re.compile(r"http://([^\s/@:]+:[^\s/@]+@)?(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}/?", re.ASCII)
AWS: Final = "urn:ietf:params:aws:token-type:aws4_request"


@dataclass(frozen=True, slots=True)
class Way:
    """The way to Google: by which proxy, if any, and trusting which CAs; without a file, those of the system."""

    proxy: str = field(default="", repr=False)  # it may hold a password
    no_proxy: str = ""
    ca_file: str = ""

    def proxy_to(self, host: str) -> str:
        """Return the address of the proxy for HOST:PORT; empty where the way is straight."""
        return "" if _is_left_out(host, self.no_proxy) else self.proxy

    def context(self) -> ssl.SSLContext:
        """Make what TLS to Google needs. A file stands in place of the system's CAs, those of a folder, too."""
        return ssl.create_default_context(cafile=self.ca_file or None)


def spread(environment: MutableMapping[str, str], *, proxy: str = "", ca_file: str = "") -> Way:
    """Have every client use the same proxy and CAs: those that are given, else those of the first variable.

    Returns them for clients of the standard library.
    """
    own_ca = ca_file or _first(environment, CA_FILE)
    own_ca = own_ca if own_ca and Path(own_ca).is_file() else ""
    for names, given, value in (
        (PROXY, proxy, proxy or _first(environment, PROXY)),
        (NO_PROXY, "", _first(environment, NO_PROXY)),
        (CA_FILE_OF_GOOGLE, ca_file, own_ca),
    ):
        for name in names:
            if value and (given or not environment.get(name)):
                environment[name] = value
    # Of two variables that say two things, requests takes the one in small letters; so do we.
    return Way(environment.get("https_proxy", ""), environment.get("no_proxy", ""), own_ca)


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


def _is_left_out(host: str, no_proxy: str) -> bool:
    """Tell whether a list of hosts, with their ports or without, and of domains names this one."""
    ways_to_say = (host.lower(), host.lower().rpartition(":")[0])
    entries = [entry.strip().lstrip(".").lower() for entry in no_proxy.split(",")]
    return any(
        entry == "*" or (entry and any(one == entry or one.endswith(f".{entry}") for one in ways_to_say))
        for entry in entries
    )


def _first(environment: Mapping[str, str], names: Sequence[str]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


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
