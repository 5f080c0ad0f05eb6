"""The fixture `study`: recordings, and models that were fitted on their first halves."""

from __future__ import annotations

import new_recordings
import pytest
from new_recordings import Study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return new_recordings.make(tmp_path_factory.mktemp("prediction"))
