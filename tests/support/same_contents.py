"""The contents of a whole NWB file and of its compact copy, compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.config import DataConfig
from spikebridge.io import read_contents
from spikebridge.io.contents import Contents


def contents(path: Path) -> Contents:
    return read_contents(path, DataConfig(path=str(path), source=["CA1"], target=["PFC"]), "rat")


def assert_same(whole_path: Path, copy_path: Path) -> None:
    """Both files give the same contents, field by field, but for the note about a series that is too large."""
    whole, compact = contents(whole_path), contents(copy_path)
    pd.testing.assert_frame_equal(whole.spikes, compact.spikes)
    pd.testing.assert_frame_equal(whole.units, compact.units)
    pd.testing.assert_frame_equal(whole.behavior, compact.behavior)
    assert whole.tables.keys() == compact.tables.keys() >= {"trials", "epochs"}
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(table, compact.tables[name])
    assert whole.animal == compact.animal
    assert whole.places == compact.places
    assert "electrodes.location" in whole.places
    for ours, theirs in zip(whole.observed_of_unit or (), compact.observed_of_unit or (), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    large = {"series-too-large"}
    assert [n for n in whole.notes if n.code not in large] == list(compact.notes)
