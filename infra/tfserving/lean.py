"""Import TensorFlow's message modules without running TensorFlow's Python.

The messages live in the package `tensorflow`, whose own `__init__` takes seconds and hundreds of megabytes and which
nothing here needs: models run through the C library. An empty module in its place gives way to the same submodules.
"""

import importlib.util
import sys
from types import ModuleType


def skip_tensorflow() -> None:
    """Let `import tensorflow.core...` find the messages only; call it before the first such import."""
    spec = None if "tensorflow" in sys.modules else importlib.util.find_spec("tensorflow")
    if spec is None or spec.submodule_search_locations is None:
        return
    package = ModuleType("tensorflow")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules["tensorflow"] = package
