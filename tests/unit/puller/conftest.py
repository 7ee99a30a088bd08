"""Stories about a puller: each runs on virtual time, over a real disk and a bucket in memory."""

from pathlib import Path

import pytest

from tests.support.pulling import Puller, Story, Tell
from tests.support.virtual_time import run


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Run a story about a puller."""

    def tell(story: Story, **settings: object) -> None:
        async def all_of_it() -> None:
            await story(Puller(tmp_path / "models", **settings))  # type: ignore[arg-type] # fields of Puller, by name

        run(all_of_it())

    return tell
