"""Does what `tests.support.puller_child` does, on the failing layer.

python -m tests.support.layered TROUBLE_FILE RECORD_FILE COMMAND MODELS_DIR …
"""

import runpy
import sys
from pathlib import Path

from infra.local.faults.layer import Layer
from infra.local.faults.service import recorder
from infra.local.faults.trouble import Source

if __name__ == "__main__":
    trouble, record, *arguments = sys.argv[1:]
    Layer(Path(arguments[1]), Source(Path(trouble)), record=recorder(record)).install()
    sys.argv = ["puller_child", *arguments]
    runpy.run_module("tests.support.puller_child", run_name="__main__")
