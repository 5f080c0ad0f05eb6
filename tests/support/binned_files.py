"""Files of counts in bins for the tests of the reader `binned`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikebridge.errors import DataError
from spikebridge.io.readers import binned
from spikebridge.io.readers.binned import Options

N_TRIALS, N_BINS, N_UNITS = 7, 12, 5
WIDTH = 0.02


def npz(path: Path, **arrays: Any) -> Path:
    """Names have "__" for the slash."""
    np.savez(path, **{name.replace("__", "/"): values for name, values in arrays.items()})
    return path


def hdf5(path: Path, **arrays: Any) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        binned.read(path, Options(**options))
    return str(caught.value)
