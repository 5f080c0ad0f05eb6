"""Fresh folders for bad and odd inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("catalogue")
from catalogue import Project  # noqa: E402


@pytest.fixture
def project(tmp_path: Path, write_nwb: Callable[..., Path]) -> Project:
    return Project(tmp_path, write_nwb)


@pytest.fixture
def open_project(write_nwb: Callable[..., Path]) -> Iterator[Project]:
    """A folder that every user of the machine can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="spikebridge_") as folder:
        Path(folder).chmod(0o777)
        yield Project(Path(folder), write_nwb)
        for path in Path(folder).rglob("*"):
            path.chmod(0o777)
