"""Folders of tables, sound unless told otherwise, and what is said of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spikebridge.errors import DataError
from spikebridge.io.readers import tables
from spikebridge.io.readers.tables import Options

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
NAMED_BLOCK = re.compile(r"`([\w./]+)`\n\n```\w+\n(.*?)```", re.DOTALL)
SPIKES = "unit,time_s\n1,0.5\n1,1.5\n2,0.25\n"
UNITS = "unit,region\n1,HC\n2,PFC\n"
TRIALS = "start_time,stop_time,choice\n0,1,a\n1,2,b\n"


def folder(path: Path, **files: str | bytes) -> Path:
    """A folder of tables; spikes, units and trials are sound unless given. Names have "__" for the dot."""
    path.mkdir(parents=True, exist_ok=True)
    given = {name.partition("__")[0] for name in files}
    sound = {f"{n}__csv": t for n, t in (("spikes", SPIKES), ("units", UNITS), ("trials", TRIALS)) if n not in given}
    for name, text in {**sound, **files}.items():
        (path / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        tables.read(path, Options(**options))
    return str(caught.value)
