"""The fixtures of the traps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.tfserving.core import CoreOptions, ServerCore
from infra.tfserving.manager import ManagerOptions
from infra.tfserving.scripted_loader import open_loader
from infra.tfserving.servable import LoaderOptions
from tests.support.lab import MANAGE_SECONDS, POLL_SECONDS, Lab, LabMaker


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[LabMaker]:
    """Return a function that makes a lab; unless told otherwise it has taken an empty list of models already."""
    labs: list[Lab] = []

    def make(
        *,
        start_empty: bool = True,
        threads: int = 2,
        retries: int = 0,
        retry_seconds: float = 0.0,
        poll_seconds: float = POLL_SECONDS,
        labels_run_ahead: bool = False,
    ) -> Lab:
        manager = ManagerOptions(
            num_load_threads=threads,
            num_unload_threads=threads,
            max_num_load_retries=retries,
            load_retry_interval_seconds=retry_seconds,
            manage_seconds=MANAGE_SECONDS,
        )
        options = CoreOptions(
            file_system_poll_seconds=poll_seconds, allow_labels_for_unavailable=labels_run_ahead, manager=manager
        )
        lab = Lab(ServerCore(open_loader(LoaderOptions()), options), tmp_path)
        labs.append(lab)
        lab.core.start()
        if start_empty:
            lab.reload()
        return lab

    yield make
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    """A server as a careful operator starts it: an empty list of models, threads to load, no retries."""
    return make_lab()
