"""Keys and rights for a NATS server: `python -m infra.nats.users node-a node-b --operator alice`.

Writes `users.conf`, which a server includes and which holds public keys only, and a seed file for each user, which is
that user's secret (`MM_NATS_NKEY_FILE`). Run it again with other names: keys that exist stay, and whoever is no longer
named is no longer let in.

Several clusters on one NATS are kept apart by accounts, NATS's own means: `--cluster NAME`, once for each, puts the
users of a cluster in an account of that name. Subjects, streams, buckets and answers of an account are its own, so no
user of one cluster hears or writes anything of another. `users.conf` holds all that were named so far.
"""

import argparse
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # ships no types

from events.names import BadName, NodeName
from infra.nats import rights
from infra.nats.rights import ANY_NODE, Rights
from service import files
from service.version import SAID

SEED_BYTES = 32
WRITTEN = """\
# Written by `python -m infra.nats.users`: run it again rather than edit this. It holds public keys only.
"""
HEAD = f"""\
{WRITTEN}authorization {{
  users: [
"""
TAIL = "  ]\n}\n"
CLUSTER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Site:
    """A remote place with a NATS server of its own, and the nodes there."""

    name: NodeName
    nodes: tuple[NodeName, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """Who shall be let in, beside the masters and the admin."""

    nodes: tuple[NodeName, ...]
    operators: tuple[NodeName, ...] = ()
    sites: tuple[Site, ...] = ()
    cluster: str = ""  # the account all of them are in; none: the server has one cluster alone
    shares_keys: bool = False  # one puller's and one configurator's key for all nodes


def main(arguments: list[str]) -> int:
    """Run the program; its exit code."""
    options = _parser().parse_args(arguments)
    try:
        names = _names(options)
    except BadName as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    config = write(options.folder, names)
    sys.stdout.write(f"{config}: for the servers; {len(users(names))} users\n")
    sys.stdout.write(
        f"{seed_folder(options.folder, names.cluster)}:"
        " each user's secret, to be MM_NATS_NKEY_FILE there and nowhere else\n"
    )
    for site in names.sites:
        sys.stdout.write(f"{_site_file(options.folder, site)}: for the server of {site.name} alone\n")
    return 0


def write(folder: Path, names: Names) -> Path:
    """Write the servers' `users.conf`, and what is secret beside it; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = seed_folder(folder, names.cluster)
    blocks = "".join(_block(user, allowed, public_key(_seed(seeds, user))) for user, allowed in users(names).items())
    for site in names.sites:
        seed = _seed(seeds, f"site.{site.name}").read_text().strip()
        _write_secret(_site_file(folder, site), f"nkey: {seed}\n")
    config = folder / "users.conf"
    files.write(config, (_accounts(folder, names.cluster, blocks) if names.cluster else HEAD + blocks + TAIL).encode())
    return config


def seed_folder(folder: Path, cluster: str) -> Path:
    """Where the seeds of a cluster's users are."""
    return folder / "seeds" / cluster if cluster else folder / "seeds"


def _accounts(folder: Path, cluster: str, blocks: str) -> str:
    """Put a cluster's account beside those of the clusters that were named before."""
    own = f"  {cluster} {{\n  jetstream: enabled\n  users: [\n{blocks}  ]\n  }}\n"
    files.write(folder / "clusters" / f"{cluster}.conf", own.encode())
    every = "".join(path.read_text() for path in sorted((folder / "clusters").glob("*.conf")))
    return f"{WRITTEN}accounts {{\n{every}}}\n"


def users(names: Names) -> dict[str, Rights]:
    """Give each user its rights."""
    return dict(_users(names))


def public_key(seed: Path) -> str:
    """Tell by what the server knows the owner of a seed."""
    return str(nkeys.from_seed(seed.read_bytes().strip()).public_key.decode())


def _users(names: Names) -> Iterator[tuple[str, Rights]]:
    yield "master", rights.master()
    yield "admin", rights.admin()
    for name in names.operators:
        yield f"operator.{name}", rights.operator(name)
    if names.shares_keys:
        yield "puller", rights.puller(ANY_NODE)
        yield "configurator", rights.configurator(ANY_NODE)
    for node in dict.fromkeys((*names.nodes, *(node for site in names.sites for node in site.nodes))):
        yield f"puller.{node}", rights.puller(node)
        yield f"configurator.{node}", rights.configurator(node)
    for site in names.sites:
        yield f"site.{site.name}", rights.site(site.nodes)


def _block(user: str, allowed: Rights, key: str) -> str:
    permissions = {"publish": allowed.publish, "subscribe": allowed.subscribe}
    return f"    # {user}\n    {{ nkey: {key}, permissions: {json.dumps(permissions, indent=6)} }}\n"


def _seed(seeds: Path, user: str) -> Path:
    """Find a user's seed, made where there is none yet."""
    path = seeds / f"{user}.nk"
    if not path.exists():
        seed = nkeys.encode_seed(secrets.token_bytes(SEED_BYTES), nkeys.PREFIX_BYTE_USER)
        _write_secret(path, seed.decode())
    return path


def _site_file(folder: Path, site: Site) -> Path:
    return folder / "sites" / f"{site.name}.conf"


def _write_secret(path: Path, text: str) -> None:
    """Write a file that nobody but its owner could ever read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _names(options: argparse.Namespace) -> Names:
    return Names(
        nodes=tuple(map(NodeName.parse, options.nodes)),
        operators=tuple(map(NodeName.parse, options.operator)),
        sites=tuple(map(_parse_site, options.site)),
        cluster=_cluster(options),
        shares_keys=options.shared,
    )


def _cluster(options: argparse.Namespace) -> str:
    """Check that a cluster can be named so, and that nobody of another one is cut off by slip."""
    name: str = options.cluster
    if name and not CLUSTER.fullmatch(name):
        raise BadName(f"{name[:80]!a} is not a name of a cluster (small letters, digits and '-')")
    if name and options.site:
        raise BadName("--site and --cluster do not go together: a remote site's server serves one cluster alone")
    if not name and any((options.folder / "clusters").glob("*.conf")):
        raise BadName(f"{options.folder} holds clusters by name, which this would cut off; say which one by --cluster")
    if name and (options.folder / "users.conf").is_file() and not (options.folder / "clusters").is_dir():
        raise BadName(f"{options.folder}/users.conf is of a cluster without a name; name clusters in a new --folder")
    return name


def _parse_site(text: str) -> Site:
    name, _, nodes = text.partition("=")
    return Site(NodeName.parse(name), tuple(NodeName.parse(node) for node in nodes.split(",")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.nats.users", description="Make NATS users for the cluster.")
    parser.add_argument("--version", action="version", version=SAID)
    parser.add_argument("nodes", nargs="*", metavar="NODE", help="a node's name, its MM_NODE")
    parser.add_argument("--folder", type=Path, default=Path("nats"), help="where to write (default: ./nats)")
    parser.add_argument(
        "--cluster", default="", metavar="NAME", help="the cluster's own account; several clusters share the server"
    )
    parser.add_argument("--operator", action="append", default=[], metavar="NAME", help="a person or tool")
    parser.add_argument(
        "--site", action="append", default=[], metavar="NAME=NODE,…", help="a remote site's leaf server, and its nodes"
    )
    parser.add_argument(
        "--shared", action="store_true", help="also one key for the pullers of all nodes, and one for the configurators"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
