"""Two nodes over one models folder, as programs: the kernel's lock, an exit code, and a line that names the holder."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from events.names import NodeName
from infra.local.ports import LOOPBACK
from service.folder_lock import FolderLock, Holder, machine
from service.layout import Layout


def test_the_second_node_ends_with_the_name_of_the_first(tmp_path: Path) -> None:
    """It touches nothing, and whoever starts it again gets the same line."""
    first = Holder(
        node=NodeName("node-1"),
        service="puller",
        host="host-1",
        machine=machine(),
        instance="1",
        started=datetime.now(UTC),
    )
    lock = FolderLock(Layout(tmp_path), first)
    lock.take()
    environment = {"MM_NODE": "node-2", "MM_MODELS_DIR": str(tmp_path), "MM_HTTP_HOST": LOOPBACK, "MM_HTTP_PORT": "0"}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "configurator"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        lock.release()
    assert ended.returncode == 2
    assert f"error: {tmp_path} (MM_MODELS_DIR) is in use by the puller of node node-1 on host host-1" in ended.stderr
    assert not (tmp_path / "models.config").exists()
