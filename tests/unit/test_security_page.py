"""The page on security names every role, port, secret and bound that there is, and no test that there is not."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from configurator.settings import ConfiguratorSettings
from events import bounds, commands, status
from events.manifest import MAX_MANIFEST_BYTES
from events.names import NodeName
from infra.nats import users
from infra.nats.users import Names, Site
from master.api.auth import Role
from master.api.gate import BODY_SECONDS, OPEN
from master.api.limits import MAX_LOOKS, MAX_LOOKS_EACH, MAX_STREAMS_EACH
from master.commands import gathering
from master.history import event_stream, look_back
from master.settings import MasterSettings
from puller.notifications import hints
from puller.settings import PullerSettings
from service import connections, saved_model, streams
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
SERVICES: tuple[type[Settings], ...] = (PullerSettings, ConfiguratorSettings, MasterSettings)
STOLEN = PAGE.partition("\n## What a stolen one can do\n")[2].partition("\n## ")[0]
NODE = NodeName("n")


def test_every_role_has_its_row() -> None:
    """Of the API's tokens and of NATS's keys: what is stolen of it is thought through."""
    names = Names((NODE,), operators=(NODE,), sites=(Site(NODE, (NODE,)),))
    roles = {user.partition(".")[0] for user in users.users(names)}
    tokens = [line for line in STOLEN.splitlines() if line.startswith("| token")]
    keys = "".join(line.split("|")[1] for line in STOLEN.splitlines() if "key" in line)
    assert [re.findall(r"\*\*(\w+)\*\*", line)[0] for line in tokens] == list(Role)
    assert roles <= set(re.findall(r"\*\*(\w+)\*\*", keys))


def test_every_port_has_its_row() -> None:
    """Where a service listens by default."""
    for kind in SERVICES:
        assert f"\n| {kind.model_fields['http_port'].default} |" in PAGE
    assert all(f"`{path}`" in PAGE for path in OPEN)


def test_every_secret_is_named() -> None:
    """A setting that holds a secret, or names a file that does."""
    fields = {(name, field.annotation) for kind in SERVICES for name, field in kind.model_fields.items()}
    public = {"nats_ca_file", "ca_file", "serving_ca_file", "serving_cert_file", "model_config_file"}
    files = {name for name, _ in fields if name.endswith("_file")} - public
    assert {name for name, annotation in fields if annotation is SecretStr} == {
        "nats_password",
        "command_token",
        "tokens",
        "proxy",
    }
    assert [name for name in files if f"MM_{name.upper()}" not in PAGE] == []


@pytest.mark.parametrize(
    "name", [name for name in PullerSettings.model_fields if name.startswith(("max_", "reserve_"))]
)
def test_every_bound_is_there_with_its_default(name: str) -> None:
    """As it is in the settings."""
    assert f"`MM_{name.upper()}` | {PullerSettings.model_fields[name].default:g} |".replace("5e+04", "50000") in PAGE


def test_numbers_are_those_of_the_code() -> None:
    """Sizes, times and counts that the page gives."""
    said = {
        f"up to {MAX_MANIFEST_BYTES // 2**20} MiB",
        f"at most\n  {saved_model.MAX_FIELDS:,} fields",
        f"requests up to {commands.MAX_REQUEST_BYTES // 1024} KiB",
        f"at most {bounds.MAX_FILES:,} files and has at most {bounds.MANIFEST.max_values:,} values",
        f"desired state {bounds.DESIRED.max_bytes // 2**20} MiB and {bounds.DESIRED.max_values:,}",
        f"an event {bounds.EVENT.max_bytes // 1024} KiB and {bounds.EVENT.max_values:,}",
        f"a request {bounds.REQUEST.max_values:,}",
        f"list {hints.PER_SECOND:g} names a second at most, after {hints.BURST} at once",
        f"More than {hints.MAX_WAITING:,} names waiting become one look",
        f"every {hints.OVERFLOW_SECONDS:g} s, and a name that the bucket lacked",
        f"is looked for again after {hints.LACKING_SECONDS:g} s",
        f"a body within {BODY_SECONDS:g} s",
        f"a head within {connections.HEAD_SECONDS:g} s, {connections.MAX_CONNECTIONS_EACH} connections of an address",
        f"{connections.MAX_CONNECTIONS:,} in all",
        f"{connections.RESERVED_FILES} files are kept",
        f"of its answer for {connections.TAKE_SECONDS:g} s",
        f"at most {status.MAX_REPORT_BYTES // 2**20} MiB, {status.MAX_REPORT_VALUES:,} values and",
        f"{status.MAX_MODELS:,} models",
        f"{commands.MAX_ANSWER_BYTES // 2**20} MiB and {commands.MAX_ANSWER_VALUES:,} values",
        f"all answers to one {gathering.MAX_BYTES // 2**20} MiB",
        f"at most {look_back.MOST_MESSAGES:,} events and {look_back.MOST_BYTES // 2**20} MiB",
        f"({event_stream.LIFE_MESSAGES:,} for the life",
        f"{MAX_LOOKS_EACH} at once, all together {MAX_LOOKS};",
        f"keeps {streams.DESIRED_HISTORY} revisions",
        f"{MasterSettings.model_fields['requests_per_second'].default:g} requests a second, {MAX_STREAMS_EACH} streams",
    }
    assert [words for words in said if words not in PAGE] == []


def test_the_tests_it_names_are_there() -> None:
    """What is said to prove something exists."""
    named = re.findall(r"`(tests/[\w/]+\.py)`", PAGE)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
