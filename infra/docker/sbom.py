"""Print the bill of materials of the container this runs in, as CycloneDX 1.5 JSON: Debian's packages and Python's.

`make sbom` gives it to the Python of each image on its standard input, so it stands on the standard library alone.
"""

import importlib.metadata
import json
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

DPKG_STATUS = Path("/var/lib/dpkg/status")


class Component(TypedDict):
    """A component of the bill, with CycloneDX's own names."""

    type: str
    name: str
    version: str
    purl: str


def main() -> int:
    """Print the bill."""
    components = sorted([*python(), *debian()], key=lambda one: one["purl"])
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {"type": "container", "name": sys.argv[1] if len(sys.argv) > 1 else "model-manager"},
        },
        "components": components,
    }
    json.dump(bill, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


def python() -> Iterator[Component]:
    """The distributions that this Python finds."""
    for found in importlib.metadata.distributions():
        name, version = found.metadata["Name"].lower().replace("_", "-"), found.version
        purl = f"pkg:pypi/{name}@{quote(version)}"
        yield Component(type="library", name=name, version=version, purl=purl)


def debian(status: Path = DPKG_STATUS) -> Iterator[Component]:
    """Debian's packages that are installed."""
    if not status.exists():
        return
    for paragraph in status.read_text(encoding="utf-8").split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if not line.startswith(" ") and ": " in line
        )
        if fields.get("Status") == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={fields['Architecture']}"
            yield Component(type="library", name=name, version=version, purl=purl)


if __name__ == "__main__":
    sys.exit(main())
