"""How a service signs in to NATS: as whom, and by which CA it knows the servers."""

import ssl
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # ships no types

from service.errors import Transient
from service.settings import Settings


def options(settings: Settings) -> dict[str, object]:
    """Make the client's options; `Transient` where the key file holds no key, which may be mended meanwhile."""
    found: dict[str, object] = {}
    if settings.nats_nkey_file:
        found["nkeys_seed"] = _checked(settings.nats_nkey_file)
    elif settings.nats_user:
        found |= {"user": settings.nats_user, "password": settings.nats_password.get_secret_value()}
    if settings.nats_ca_file:
        found["tls"] = ssl.create_default_context(cafile=str(settings.nats_ca_file))
    return found


def shown(servers: str) -> str:
    """Name servers without the users and passwords that may stand in their addresses."""
    return ",".join(server.rpartition("@")[2] for server in servers.split(","))


def _checked(file: Path) -> str:
    try:
        nkeys.from_seed(file.read_bytes().strip())
    except (nkeys.NkeysError, ValueError) as error:  # whose words might quote the file
        raise Transient(f"MM_NATS_NKEY_FILE {file} holds no nkey seed") from error
    return str(file)
