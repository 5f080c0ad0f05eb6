"""Neurodata Without Borders (NWB 2, HDF5), by pynwb.

The name of a recording is the stem of its file; its animal is `subject.subject_id`, or "unknown".
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.intervals import as_intervals
from spikebridge.io.contents import Contents
from spikebridge.io.readers._nwb_tables import behavior_table, interval_tables, plain_columns, text
from spikebridge.io.registry import NoOptions
from spikebridge.types import Recording

FORMAT = "NWB (HDF5)"
Options = NoOptions


def can_read(path: Path) -> bool:
    return path.suffix.lower() == ".nwb" and path.is_file()


def read(path: Path, options: NoOptions) -> Contents:
    """Read one file. Raises DataError where it is no NWB file or lacks units or spikes."""
    from pynwb import NWBHDF5IO  # a second to import: only where a file is read

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cached namespaces, deprecated fields: nothing a user can act on
        try:
            with NWBHDF5IO(str(path), mode="r", load_namespaces=True) as handle:
                return _contents(handle.read(), path)
        except SpikebridgeError:
            raise
        except Exception as error:  # pynwb, hdmf and h5py raise anything from OSError to TypeError on a broken file
            raise DataError(f"{path}: cannot be read as NWB ({type(error).__name__}: {error})") from error


def write(recording: Recording, folder: Path) -> Path:
    """Write a recording as NWB."""
    raise NotImplementedError


def _contents(nwb: Any, path: Path) -> Contents:
    notes: list[str] = []
    if nwb.units is None or "spike_times" not in nwb.units.colnames or len(nwb.units) == 0:
        raise DataError(f"{path}: expected a units table with spike_times, found none")
    units = plain_columns(nwb.units, notes)
    units.insert(0, "unit", np.asarray(nwb.units.id[:]).astype(np.int64))
    subject = getattr(nwb.subject, "subject_id", None) if nwb.subject is not None else None
    return Contents(
        name=path.stem,
        animal=text(subject) if subject else "unknown",
        spikes=_spikes(nwb.units, units["unit"].to_numpy()),
        units=units,
        tables=interval_tables(nwb, notes),
        behavior=behavior_table(nwb, notes),
        places=_places(nwb),
        observed_of_unit=_observed(nwb),
        source_file=path.name,
        notes=tuple(notes),
    )


def _ragged(column: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of a ragged units column and how many each unit has."""
    ends = np.asarray(column.data[:], dtype=np.int64)
    return np.asarray(column.target.data[:]), np.diff(ends, prepend=0)


def _spikes(table: Any, ids: NDArray[np.int64]) -> pd.DataFrame:
    times, n = _ragged(table["spike_times"])
    return pd.DataFrame({"unit": np.repeat(ids, n), "time_s": times.astype(np.float64)})


def _places(nwb: Any) -> dict[str, tuple[tuple[str, ...], ...]]:
    """ "electrodes.<column>" -> the places of each unit."""
    if "electrodes" not in nwb.units.colnames or nwb.electrodes is None:
        return {}
    rows, n = _ragged(nwb.units["electrodes"])
    per_unit = np.split(rows.astype(np.int64), np.cumsum(n)[:-1])
    named = {c: [text(v) for v in nwb.electrodes[c].data[:]] for c in ("location",) if c in nwb.electrodes.colnames}
    return {f"electrodes.{c}": tuple(tuple(v[row] for row in mine) for mine in per_unit) for c, v in named.items()}


def _observed(nwb: Any) -> tuple[NDArray[np.float64], ...] | None:
    if "obs_intervals" not in nwb.units.colnames:
        return None
    pairs, n = _ragged(nwb.units["obs_intervals"])
    return tuple(as_intervals(p) for p in np.split(pairs, np.cumsum(n)[:-1]))
