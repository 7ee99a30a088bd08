"""How a service signs in to NATS."""

from pathlib import Path

import nkeys  # type: ignore[import-untyped]  # ships no types
import pytest

from service import settings, sign_in
from service.errors import Transient
from service.settings import Settings


def options(**variables: str) -> dict[str, object]:
    return sign_in.options(settings.load(Settings, {"MM_NODE": "n", **variables}))


@pytest.mark.parametrize("content", [b"", b"hunter2", b"SUAhunter2", b"\xff", b"S" * 10_000])
def test_a_file_that_holds_no_key_is_said_and_not_shown(tmp_path: Path, content: bytes) -> None:
    """It may be mended while the service runs, which goes on by polling; what is in it is nobody's business."""
    (tmp_path / "seed.nk").write_bytes(content)
    with pytest.raises(Transient, match="holds no nkey seed") as caught:
        options(MM_NATS_NKEY_FILE=str(tmp_path / "seed.nk"))
    assert "hunter2" not in str(caught.value)


def test_a_key_counts_more_than_a_password(tmp_path: Path) -> None:
    """Who moves from passwords to keys sets the file, and the rest may stay for a while."""
    seed = tmp_path / "seed.nk"
    seed.write_bytes(nkeys.encode_seed(b"x" * 32, nkeys.PREFIX_BYTE_USER) + b"\n")
    assert options(MM_NATS_NKEY_FILE=str(seed), MM_NATS_USER="u") == {"nkeys_seed": str(seed)}
    assert options(MM_NATS_USER="u", MM_NATS_PASSWORD="p") == {"user": "u", "password": "p"}
    assert options() == {}
