"""Whole recordings, made once, and a server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_server import Server, serving
from whole_recordings import write_whole


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An NWB file of 49 MB, most of it raw traces."""
    return write_whole(tmp_path_factory.mktemp("whole") / "sub-rat1_ses-1.nwb")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as served:
        yield served
