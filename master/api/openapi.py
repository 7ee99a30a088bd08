"""`python -m master.api.openapi > docs/openapi.json`: the HTTP API's document, made from the code."""

import json
import sys

from master.api import app


def render() -> str:
    """Write the document."""
    return json.dumps(app.document(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
