"""`python -m configurator`: has TensorFlow Serving serve what is on disk and desired."""

import os
import sys

from configurator.app import build
from configurator.settings import ConfiguratorSettings
from service import process
from service.settings import start

PURPOSE = "configurator: has TensorFlow Serving serve what is on this node's disk and desired."


def main() -> int:
    """Run the configurator until it is stopped."""
    settings = start(ConfiguratorSettings, arguments=sys.argv[1:], environment=os.environ, purpose=PURPOSE)
    return process.main(
        settings,
        os.environ,
        service="configurator",
        port=settings.http_port,
        build=lambda core: build(core, settings),
    )


sys.exit(main())
