"""The folder of a deployment, which only its owner has: secrets, keys, certificates, settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.docker.offline.shell import Failed
from infra.swarm.render import GOOGLE, Content, Kind, Places, cluster_config

HERE = Path(__file__).parent
NATS = HERE.parent / "nats"
SETTINGS = "settings.env"
REQUIRED = ("MM_IMAGE", "MM_BUCKET")
IMAGES = ("MM_IMAGE", "MM_TFSERVING_IMAGE", "MM_NATS_IMAGE")
DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")

USERS = "python -m infra.nats.users --shared --operator NAME --folder {folder}/nats"
CERTIFICATE = "python3 -m infra.swarm certificate --folder {folder}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the folder: what it becomes in the swarm, and how a person makes it."""

    kind: Kind
    name: str
    path: str
    how: str


SOURCES = (
    Source("configs", "nats_users", "nats/users.conf", USERS),
    Source("secrets", "nats_master", "nats/seeds/master.nk", USERS),
    Source("secrets", "nats_admin", "nats/seeds/admin.nk", USERS),
    Source("secrets", "nats_puller", "nats/seeds/puller.nk", USERS),
    Source("secrets", "nats_configurator", "nats/seeds/configurator.nk", USERS),
    Source("configs", "nats_ca", "tls/ca.crt", CERTIFICATE),
    Source("secrets", "nats_certificate", "tls/server.crt", CERTIFICATE),
    Source("secrets", "nats_certificate_key", "tls/server.key", CERTIFICATE),
    Source("secrets", "tokens", "tokens", "model-manager token NAME ROLE, and its line into {folder}/tokens"),
    Source("secrets", "command_token", "command-token", "openssl rand -hex 32 > {folder}/command-token"),
    Source("secrets", "exchange_token", "exchange-token", "openssl rand -hex 32 > {folder}/exchange-token"),
)
GOOGLE_SOURCE = Source("secrets", GOOGLE, "google.json", "credentials of the nodes' account, where they have no others")


def read_contents(folder: Path, found: Places) -> list[Content]:
    """Read everything that becomes a config or a secret; `Failed` names every file that is missing."""
    sources = [*SOURCES, *([GOOGLE_SOURCE] if (folder / GOOGLE_SOURCE.path).exists() else [])]
    missing = [source for source in sources if not _has_content(folder / source.path)]
    if missing:
        lines = [f"  {folder / one.path}: {one.how.format(folder=folder)}" for one in missing]
        raise Failed("\n".join(["these files are missing or empty; this is how they are made:", *lines]))
    routed = cluster_config((NATS / "cluster.conf").read_text(), found.nats)
    return [
        *(Content(source.kind, source.name, (folder / source.path).read_bytes()) for source in sources),
        Content("configs", "nats_cluster", routed.encode()),
        Content("configs", "nats_production", (NATS / "production.conf").read_bytes()),
        Content("configs", "streams", (NATS / "streams.py").read_bytes()),
        Content("configs", "tfserving_monitoring", (HERE.parent / "docker/tfserving-monitoring.config").read_bytes()),
    ]


def write_contents(contents: list[Content], folder: Path) -> dict[str, Path]:
    """Write contents as files that `docker` can read, and nobody else; return where each is."""
    files = {content.name: folder / content.name for content in contents}
    for content in contents:
        path = files[content.name]
        path.touch(mode=0o600)
        path.write_bytes(content.data)
    return files


def read_settings(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Read `settings.env`, lines of NAME=value; the environment goes before it."""
    path = folder / SETTINGS
    lines = path.read_text().splitlines() if path.exists() else []
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.partition("=")
        if line.strip() and not line.lstrip().startswith("#"):
            if not equals or not name.strip().isidentifier():
                raise Failed(f"{path}, line {number}: expected NAME=value, found {line!r}")
            settings[name.strip()] = value.strip()
    settings |= {name: value for name, value in environment.items() if name.startswith("MM_")}
    if missing := [name for name in REQUIRED if not settings.get(name)]:
        raise Failed(f"{' and '.join(missing)} must be set, in {path} or in the environment (docs/swarm.md)")
    return settings


def check_images(settings: Mapping[str, str]) -> None:
    """Raise `Failed` where an image is not named by its content: behind a tag there may be another one any day."""
    if wrong := [name for name in IMAGES if not DIGEST.fullmatch(settings.get(name, ""))]:
        raise Failed(
            f"{' and '.join(wrong)} must be named by digest, NAME@sha256:…, in {SETTINGS} (`docker buildx imagetools"
            " inspect NAME:TAG` tells it); --resolve-image never takes images as the nodes have them"
        )


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
