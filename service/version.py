"""Which model.manager this is: the one place, which every program, report and distribution takes it from."""

from typing import Final

__version__: Final = "0.1.0"
SAID: Final = f"model-manager {__version__}"  # by `--version`
