"""The README's table of settings says what the programs' own `--help` says."""

import html
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from configurator.settings import ConfiguratorSettings
from master.settings import MasterSettings
from puller.settings import PullerSettings
from service.settings import Settings

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
