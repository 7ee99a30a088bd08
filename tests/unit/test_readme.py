"""The README's table of settings says what the programs' own `--help` says."""

import html
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from configurator.settings import ConfiguratorSettings
from master.cli import settings as cli
from master.settings import MasterSettings
from puller.settings import PullerSettings
from service import variables
from service.settings import Settings, names

OF_COMMAND = frozenset({"MM_MASTER_URL", "MM_TOKEN", "MM_SIGNING_PASSWORD", "MM_SIGNATURE_POLICY"})  # and of no service
README = Path(__file__).resolve().parents[2] / "README.md"
SERVICES: dict[str, type[Settings]] = {
    "puller": PullerSettings,
    "configurator": ConfiguratorSettings,
    "master": MasterSettings,
}


def test_the_table_of_settings_is_what_the_programs_say() -> None:
    """Each setting has one row with service, default and meaning, in the programs' order, and nothing else has one."""
    section = README.read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    shown = [line for line in section.splitlines() if line.startswith("| `")]
    assert shown == rows()


def test_every_setting_is_known_to_every_service() -> None:
    """A service warns of a setting that no part reads: a new one is added to `OF_PARTS` in `service/variables.py`."""
    of_all = frozenset.intersection(*map(names, SERVICES.values()))
    of_some = frozenset.union(*map(names, SERVICES.values())) - of_all
    assert of_some | OF_COMMAND == variables.OF_PARTS


def test_what_the_command_reads_is_known_to_every_service() -> None:
    """Its variables may stand in the environment of a service on the same host."""
    given = dict.fromkeys(OF_COMMAND, "x") | {"MM_PROXY": "x", "MM_CA_FILE": "x", "MM_BILLING_PROJECT": "x"}
    read = Reads(given)
    cli.load(read)
    assert {name for name in read.asked if name.startswith("MM_")} == given.keys()


class Reads(dict[str, str]):
    """An environment that notes what is asked for."""

    def __init__(self, given: dict[str, str]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # one of its overloads
        """Return a variable."""
        self.asked.add(name)
        return super().get(name, default)


def rows() -> list[str]:
    """The rows, as the README shall have them: a setting that several services share in the same words has one."""
    services: dict[tuple[str, str, str], list[str]] = {}
    for service, settings in SERVICES.items():
        for name, field in settings.model_fields.items():
            told = (f"MM_{name.upper()}", default(field), html.escape(field.description or "", quote=False))
            services.setdefault(told, []).append(service)
    return [
        f"| `{name}` | {'all' if len(who) == len(SERVICES) else ', '.join(who)} | {value} | {meaning} |"
        for (name, value, meaning), who in services.items()
    ]


def default(field: FieldInfo) -> str:
    """A default, as the table shows it."""
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default in (None, "", SecretStr("")):
        return ""
    return f"`{field.default}`"
