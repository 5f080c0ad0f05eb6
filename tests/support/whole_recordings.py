"""NWB files as archives hold them: units, trials and behaviour beside raw traces that are far larger."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.behavior import Position, SpatialSeries
from pynwb.core import DynamicTableRegion
from pynwb.ecephys import LFP, ElectricalSeries
from pynwb.file import Subject

N_CHANNELS = 20
RAW_SAMPLES = 1_000_000
"""40 MB of raw traces as int16."""
N_UNITS, N_TRIALS = 12, 20


def whole_nwb(name: str, seed: int = 1, references: bool = True) -> NWBFile:
    """A session with what real files have: links between tables, shared timestamps, waveforms, raw traces, LFP.

    references: whether trials and epochs refer to the raw traces; hdmf-zarr would pickle such references.
    """
    rng = np.random.default_rng(seed)
    nwb = NWBFile("a session", name, datetime(2024, 5, 1, tzinfo=UTC))
    nwb.subject = Subject(subject_id=name, species="Rattus norvegicus", sex="M", age="P90D")
    device = nwb.create_device("array")
    groups = {place: nwb.create_electrode_group(place, "tetrodes", place, device) for place in ("CA1", "PFC")}
    for k in range(N_CHANNELS):
        place = "CA1" if k < N_CHANNELS // 2 else "PFC"
        nwb.add_electrode(group=groups[place], location=place)
    region = nwb.create_electrode_table_region(list(range(N_CHANNELS)), "all")
    raw = ElectricalSeries(
        name="raw", data=rng.integers(-9, 9, (500, N_CHANNELS)).astype("int16"), electrodes=region,
        timestamps=np.arange(500) / 500.0,
    )  # fmt: skip
    nwb.add_acquisition(raw)
    again = DynamicTableRegion(name="electrodes", data=[0, 1], description="two", table=nwb.electrodes)
    field = ElectricalSeries(name="lfp", data=rng.normal(size=(500, 2)), electrodes=again, timestamps=raw)
    nwb.create_processing_module("ecephys", "field potentials").add(LFP(electrical_series=field))
    _add_behavior(nwb, rng)
    _add_tables(nwb, [raw] if references else None, groups, rng)
    return nwb


def _add_behavior(nwb: NWBFile, rng: np.random.Generator) -> None:
    module = nwb.create_processing_module("behavior", "position and speed")
    position = SpatialSeries(
        name="position", data=rng.normal(size=(1000, 2)), timestamps=np.arange(1000) / 10.0, reference_frame="maze"
    )
    module.add(Position(spatial_series=position))
    module.add(TimeSeries(name="speed", data=rng.normal(size=1000), timestamps=position, unit="cm/s"))
    nwb.add_acquisition(TimeSeries(name="audio", data=rng.normal(size=(10, 20)), rate=1.0, unit="volts"))


def _add_tables(
    nwb: NWBFile, series: list[ElectricalSeries] | None, groups: dict[str, Any], rng: np.random.Generator
) -> None:
    nwb.add_unit_column("quality", "label of the sorter")
    for k in range(N_UNITS):
        nwb.add_unit(
            spike_times=np.sort(rng.uniform(0, 100, 800)), electrodes=[k if k < 6 else k + 6], quality="good",
            waveform_mean=rng.normal(size=(40, N_CHANNELS)), electrode_group=groups["CA1" if k < 6 else "PFC"],
            obs_intervals=[(0.0, 100.0)],
        )  # fmt: skip
    nwb.add_trial_column("choice", "left or right")
    for k in range(N_TRIALS):
        start = 5.0 * k + 1
        nwb.add_trial(start, start + 3, choice="left" if rng.random() < 0.5 else "right", timeseries=series)
    nwb.add_epoch(0.0, 50.0, tags=["run", "maze"], timeseries=series)


def write_whole(path: Path, seed: int = 1, samples: int = RAW_SAMPLES) -> Path:
    """Write the session; its raw traces are made long without writing them, so that the file is sparse on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of pynwb on shapes
        with NWBHDF5IO(str(path), "w") as io:
            io.write(whole_nwb(path.stem, seed))
    with h5py.File(path, "r+") as file:
        series = file["acquisition/raw"]
        for name, shape in (("data", (samples, N_CHANNELS)), ("timestamps", (samples,))):
            _enlarge(series, name, shape)
    return path


def _enlarge(series: Any, name: str, shape: tuple[int, ...]) -> None:
    """Replace an array by one of this shape whose values are never written."""
    attributes, dtype = dict(series[name].attrs), series[name].dtype
    del series[name]
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(dtype)
    made = h5py.h5d.create(series.id, name.encode(), kind, h5py.h5s.create_simple(shape), layout)
    h5py.Dataset(made).attrs.update(attributes)


def write_whole_zarr(path: Path, seed: int = 1) -> Path:
    """The session as a Zarr folder, with raw traces of a few MB."""
    from hdmf_zarr import NWBZarrIO

    nwb = whole_nwb(path.name.partition(".")[0], seed, references=False)
    rng = np.random.default_rng(seed)
    region = nwb.acquisition["raw"].electrodes
    longer = DynamicTableRegion(name="electrodes", data=list(region.data), description="all", table=nwb.electrodes)
    samples = rng.integers(-500, 500, (100_000, N_CHANNELS)).astype("int16")
    nwb.add_acquisition(ElectricalSeries(name="longer", data=samples, electrodes=longer, rate=30000.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with NWBZarrIO(str(path), "w") as io:
            io.write(nwb)
    return path
