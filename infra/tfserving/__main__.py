"""The program: `python -m infra.tfserving`, in place of `tensorflow_model_server`."""

import logging
import os
import signal
import sys
from typing import NoReturn

from infra.tfserving.flags import FlagError, parse, usage
from infra.tfserving.servable import StatusError
from infra.tfserving.server import serve
from service.version import SAID

_PROGRAM = "python -m infra.tfserving"
_FAILED = 255  # the official server's -1


def main() -> NoReturn:
    """Serve until a signal; the process ends with all its threads, whatever they wait for."""
    form = "%(asctime)s: %(levelname).1s %(name)s] %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _leave("", code=0))  # until the ports are open there is nothing to close
    try:
        flags = parse(sys.argv[1:], logging.getLogger("tfserving").warning)
    except FlagError as error:
        _leave(f"{error}\n{usage(_PROGRAM)}", code=_FAILED)
    if flags.help:
        _leave(usage(_PROGRAM), code=0)
    if flags.version:
        _leave(f"TensorFlow ModelServer: the compatible server of {SAID}\n", code=0)
    try:
        serve(flags)
    except StatusError as error:
        _leave(f"Failed to start server. Error: {error}\n", code=_FAILED)
    except Exception:  # the process must end, and other threads would keep it
        logging.getLogger("tfserving").exception("the server broke")
        _leave("", code=_FAILED)
    _leave("", code=0)


def _leave(text: str, *, code: int) -> NoReturn:
    sys.stdout.write(text)
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
