"""Two recordings of three regions, read and cut once; and the settings of a sweep over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from three_regions import PARAMS, write_recordings

from spikebridge import config
from spikebridge.config import Config
from spikebridge.sweep.prepare import IngestRegionsSections, PrepareSections, ingest_regions, prepare

Settings = Callable[..., Config]


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings as files."""
    return write_recordings(tmp_path_factory.mktemp("raw") / "recordings", n=2, n_trials=40)


@pytest.fixture(scope="session")
def settings(raw: Path) -> Settings:
    """Keyword arguments are sections to change."""

    def make(**sections: Any) -> Config:
        made: dict[str, Any] = PARAMS | {"data": {**PARAMS["data"], "path": str(raw)}}
        return config.parse(made | {name: made.get(name, {}) | changes for name, changes in sections.items()})

    return make


@pytest.fixture(scope="session")
def prepared(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ingested/ and prepared/ of a sweep."""
    folder = tmp_path_factory.mktemp("sweep")
    ingest_regions(IngestRegionsSections.of(settings()), folder / "ingested", None, lambda _: None)
    prepare(PrepareSections.of(settings()), folder / "ingested", folder / "prepared", lambda _: None)
    return folder
