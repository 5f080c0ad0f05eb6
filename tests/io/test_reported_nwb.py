"""Small inputs of public reports about NWB files of many writers. See docs/reports/nwb.md."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from clock_sessions import brute_force, counts, moved, read_all, session, settings

from spikebridge.errors import DataError
from spikebridge.io.readers import nwb
from spikebridge.labels.sorter_labels import has_unwanted_label, unit_labels
from spikebridge.types import Recording

TRAINS, TABLE = session(trials=40, gain=2.0)
REGIONS = ["CA1"] * 6 + ["PFC"] * 6
START = datetime(2026, 1, 1, tzinfo=UTC)
Change = Callable[[Any], None]


def write(
    folder: Path,
    trains: dict[int, Any] | None = TRAINS,
    trials: pd.DataFrame | None = TABLE,
    extra: Change | None = None,
    change: Change | None = None,
    reference: datetime | None = None,
) -> Path:
    """One file in a folder. extra: what is done to pynwb's object; change: what is done to the HDF5 file."""
    from pynwb import NWBHDF5IO, NWBFile

    file = NWBFile("test", "test", START, timestamps_reference_time=reference)
    if trains is not None:
        file.add_unit_column("region", "")
        for unit, times in trains.items():
            file.add_unit(id=unit, spike_times=times, region=REGIONS[unit])
    if trials is not None:
        for column in trials.columns[2:]:
            file.add_trial_column(column, "")
        for row in trials.to_dict("records"):
            file.add_trial(**row)
    if extra:
        extra(file)
    folder.mkdir(parents=True, exist_ok=True)
    with NWBHDF5IO(str(folder / "s.nwb"), "w") as handle:
        handle.write(file)
    if change:
        with h5py.File(folder / "s.nwb", "r+") as handle:
            change(handle)
    return folder


def read(folder: Path, **asked: Any) -> Recording:
    return read_all(settings(folder, **asked))["s"]


def warned(folder: Path, **asked: Any) -> str:
    return "\n".join(map(str, read(folder, **asked).warnings))


def refused(folder: Path, **asked: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, **asked)
    return str(caught.value)


def replace_values(handle: Any, name: str, values: Any) -> None:
    attributes = dict(handle[name].attrs)
    del handle[name]
    handle.create_dataset(name, data=values)
    handle[name].attrs.update(attributes)


def check_counts(folder: Path, rows: int = 40, **asked: Any) -> None:
    """The windows hold the spikes that a count by hand finds."""
    every = np.concatenate(list(TRAINS.values()))
    binned = counts(read(folder, **asked), settings(folder, **asked))
    align = {row: float(TABLE["choice_time"].iloc[row]) for row in binned}
    assert len(binned) == rows and binned == brute_force(every, align)


# times of spikes


def test_spike_times_of_a_unit_begin_again_at_zero(tmp_path: Path) -> None:
    half = len(TRAINS[1]) // 2
    again = np.r_[TRAINS[1][:half], TRAINS[1][half:] - TRAINS[1][half]]
    folder = write(tmp_path, TRAINS | {1: again})
    message = refused(folder)
    assert "spike times must rise within a unit; they fall in unit 1" in message
    assert "data.exclude_units: {s: [1]}" in message
    assert read(folder, exclude_units={"s": [1]}).units["unit"].tolist() == [0, *range(2, 12)]


def within_trials(times: Any) -> Any:
    start, stop = TABLE["start_time"], TABLE["stop_time"]
    parts = [times[(times >= a) & (times < b)] - a for a, b in zip(start, stop, strict=True)]
    return np.unique(np.round(np.concatenate(parts), 6))


def test_spike_times_count_from_the_start_of_each_trial(tmp_path: Path) -> None:
    """All positive, rising, 40 trials within 4 s: the case that rising and negative times do not show."""
    trains = {unit: within_trials(times) for unit, times in TRAINS.items()}
    message = refused(write(tmp_path / "a", trains))
    assert "every trial (choice_time 15.816 to 317.461) lies outside the spikes" in message
    relative = moved(TABLE, lambda times: times - TABLE["start_time"].to_numpy())
    message = refused(write(tmp_path / "b", trains, relative))
    assert "the trials count from their own start" in message and "start_time is 0 in all 40 trials" in message


@pytest.mark.parametrize("trials", [TABLE, moved(TABLE, lambda times: times * 1000)], ids=["seconds", "milliseconds"])
def test_spike_times_in_milliseconds(tmp_path: Path, trials: pd.DataFrame) -> None:
    message = refused(write(tmp_path, {unit: times * 1000 + 0.123 for unit, times in TRAINS.items()}, trials))
    assert "spike times are not in seconds" in message and "divide milliseconds by 1000" in message


def test_spike_times_in_samples(tmp_path: Path) -> None:
    message = refused(write(tmp_path, {unit: np.rint(times * 30_000) for unit, times in TRAINS.items()}))
    assert "all 19585 are whole numbers" in message and "divide samples by the sampling rate" in message


def test_spike_times_filled_up_with_nan(tmp_path: Path) -> None:
    message = refused(write(tmp_path, TRAINS | {3: np.r_[TRAINS[3], [np.nan] * 20]}))
    assert "20 spike times NaN or infinite, in unit 3" in message


# times of trials


@pytest.mark.parametrize(
    ("columns", "by", "row"),
    [
        (["start_time", "stop_time"], -1, "previous"),
        (["start_time", "stop_time"], 1, "next"),
        (["choice_time"], -1, "next"),
    ],
)
def test_columns_shifted_by_one_row(tmp_path: Path, columns: list[str], by: int, row: str) -> None:
    """Numbers of trials from 1 taken for numbers from 0: each trial has some times of its neighbour."""
    table = TABLE.copy()
    table[columns] = table[columns].shift(by)
    folder = write(tmp_path, trials=table.dropna())
    assert (
        f"choice_time lies between start_time and stop_time of the {row} row, and outside those of the same row"
        in refused(folder)
    )
    assert f"of the {row} row" in warned(folder, clock="trusted")


def test_an_event_after_the_trial_is_no_shift(tmp_path: Path) -> None:
    """Trials that follow each other without a pause, and an event at the very start of the next one."""
    table = TABLE.assign(stop_time=TABLE["start_time"].shift(-1).fillna(TABLE["stop_time"].iloc[-1]))
    table["choice_time"] = table["stop_time"]
    assert "row" not in warned(write(tmp_path, trials=table))


def test_times_of_trials_in_single_precision(tmp_path: Path) -> None:
    def single(handle: Any) -> None:
        for name in ("start_time", "stop_time", "choice_time", "reaction_s"):
            replace_values(handle, f"intervals/trials/{name}", handle[f"intervals/trials/{name}"][:].astype(np.float32))

    later = {unit: times + 36_000 for unit, times in TRAINS.items()}
    message = warned(write(tmp_path / "late", later, moved(TABLE, 36_000), change=single))
    assert "trials/choice_time: float32 holds these times only to 3.9 ms" in message
    assert "reaction_s" not in message
    assert "float32" not in warned(write(tmp_path / "early", change=single))


def test_the_session_starts_later_than_times_count(tmp_path: Path) -> None:
    """Spikes count from timestamps_reference_time, trials from session_start_time."""
    reference = START - timedelta(seconds=37.6)
    folder = write(tmp_path, {unit: times + 37.6 for unit, times in TRAINS.items()}, reference=reference)
    assert "on two clocks: averaged over the trials, the units respond 37.8 s after choice_time" in refused(folder)
    note = str(nwb.read(folder / "s.nwb", nwb.Options()).notes[0])
    assert "37.6 s after the moment" in note and "{trials: 37.6}" in note
    mended = read(folder, offset_s={"trials": 37.6})
    assert mended.trials["choice_time"].to_numpy() == pytest.approx(TABLE["choice_time"].to_numpy() + 37.6)


def test_all_times_count_from_1970(tmp_path: Path) -> None:
    """Spyglass and its converter count from 1970: spikes and trials agree, so the start of the session is no doubt."""
    since = START.timestamp()
    trains = {unit: times + since for unit, times in TRAINS.items()}
    folder = write(tmp_path, trains, moved(TABLE, since), reference=datetime(1970, 1, 1, tzinfo=UTC))
    assert "session_start_time" not in warned(folder)
    assert read(folder).trials["start_time"].iloc[0] == pytest.approx(since + TABLE["start_time"].iloc[0], abs=1e-6)


# tables of units


def add_tables_of_units(file: Any) -> None:
    from pynwb.misc import Units

    module = file.create_processing_module("ecephys", "")
    for name, region, units in (("units_probe1", "CA1", range(6)), ("units_probe2", "PFC", range(6, 12))):
        table = Units(name=name, description="")
        table.add_column("region", "")
        for number, unit in enumerate(units):
            table.add_unit(id=number, spike_times=TRAINS[unit], region=region)
        module.add(table)


def test_one_table_of_units_for_each_probe(tmp_path: Path) -> None:
    folder = write(tmp_path, None, extra=add_tables_of_units)
    note = str(nwb.read(folder / "s.nwb", nwb.Options()).notes[0])
    tables = ["processing/ecephys/units_probe1", "processing/ecephys/units_probe2"]
    assert f"data.options.units: [{', '.join(tables)}] reads them all as one recording" in note
    recording = read(folder, options={"units": tables})
    assert recording.units["unit"].tolist() == [*range(6), *range(10, 16)]
    assert recording.units["probe"].tolist() == ["units_probe1"] * 6 + ["units_probe2"] * 6
    assert recording.units["region"].tolist() == REGIONS
    spikes = recording.spikes
    assert spikes.loc[spikes["unit"] == 12, "time_s"].to_numpy() == pytest.approx(TRAINS[8])
    check_counts(folder, options={"units": tables})
    assert "'processing/ecephys/units_probe3' is no units table" in refused(
        folder, options={"units": [*tables, "processing/ecephys/units_probe3"]}
    )


def test_lists_of_labels_of_spyglass(tmp_path: Path) -> None:
    labels = [[], ["mua"], ["noise", "reject"], ["accept"], [], ["mua", "reject"]] * 2

    def add(file: Any) -> None:
        file.add_unit_column("curation_label", "", index=True)
        file.add_unit_column("region", "")
        for unit, times in TRAINS.items():
            file.add_unit(id=unit, spike_times=times, curation_label=labels[unit], region=REGIONS[unit])
        file.add_epoch(0.0, 330.0, tags=["02_r1"])

    folder = write(tmp_path, None, extra=add)
    contents = nwb.read(folder / "s.nwb", nwb.Options())
    assert contents.tables["epochs"]["tags"].tolist() == ["02_r1"]
    judged = unit_labels(contents.units, contents.units, "auto", "s")
    assert judged.words[:6] == ("", "mua", "noise", "accept", "", "reject")
    assert has_unwanted_label(judged.words, ["good"]).tolist() == [False, True, True, False, False, True] * 2


def test_another_table_of_electrodes(tmp_path: Path) -> None:
    """The row numbers of `electrodes` are those of the table that it refers to, not of the file's own."""

    def add(file: Any) -> None:
        from hdmf.common import DynamicTable, VectorData
        from pynwb.misc import Units

        group = file.create_electrode_group("g", "", location="?", device=file.create_device("d"))
        for _ in range(2):
            file.add_electrode(location="VISp", group=group)
        places = VectorData(name="location", description="", data=["PFC", "CA1"])
        other = DynamicTable(name="sites", description="", columns=[places])
        file.create_processing_module("ecephys", "").add(other)
        file.units = Units(name="units", description="", electrode_table=other)
        for unit, times in TRAINS.items():
            file.units.add_unit(id=unit, spike_times=times, electrodes=[1 if unit < 6 else 0])

    assert read(write(tmp_path, None, extra=add)).units["region"].tolist() == REGIONS


def test_regions_as_json(tmp_path: Path) -> None:
    places = {name: f'{{"brain_regions": "{name}"}}' for name in ("CA1", "PFC")}

    def add(file: Any) -> None:
        group = file.create_electrode_group("g", "", location="?", device=file.create_device("d"))
        for place in places.values():
            file.add_electrode(location=place, group=group)
        for unit, times in TRAINS.items():
            file.add_unit(id=unit, spike_times=times, electrodes=[int(unit > 5)])

    folder = write(tmp_path, None, extra=add)
    assert f"regions here: '{places['CA1']}' (6 units), '{places['PFC']}' (6 units)" in refused(folder)
    asked = {"source": places["CA1"], "target": [places["PFC"]]}
    chosen = settings(folder, source=asked["source"])
    chosen = chosen.model_copy(update={"data": chosen.data.model_copy(update={"target": asked["target"]})})
    assert read_all(chosen)["s"].units["region"].tolist() == [places[r] for r in REGIONS]


# observed time


def observed(intervals: Callable[[int], Any]) -> Change:
    def add(file: Any) -> None:
        file.add_unit_column("region", "")
        for unit, times in TRAINS.items():
            pairs = np.array(intervals(unit), dtype=float)
            inside = np.any([(times >= a) & (times < b) for a, b in pairs], axis=0)
            file.add_unit(id=unit, spike_times=times[inside], region=REGIONS[unit], obs_intervals=pairs)

    return add


def test_units_were_observed_in_some_trials(tmp_path: Path) -> None:
    pairs = np.column_stack([TABLE["start_time"] - 1, TABLE["stop_time"] + 1])[:30]
    folder = write(tmp_path, None, extra=observed(lambda _: pairs))
    assert "10 of 40 trials dropped: the window leaves the observed time" in warned(folder)
    check_counts(folder, rows=30)


def test_observed_times_of_a_unit_overlap(tmp_path: Path) -> None:
    folder = write(tmp_path, None, extra=observed(lambda _: [[0, 200], [150, 330]]))
    assert read(folder).observed.tolist() == [[0, 330]]
    check_counts(folder)


def add_invalid(tags: list[str]) -> Change:
    def add(file: Any) -> None:
        device = file.create_device("d")
        for name, place in (("probeC", "CA1"), ("probeD", "PFC"), ("probeE", "VISp")):
            group = file.create_electrode_group(name, "", location=place, device=device)
            file.add_electrode(location=place, group=group)
        for unit, times in TRAINS.items():
            file.add_unit(id=unit, spike_times=times, electrodes=[0 if unit < 5 else 1 if unit < 10 else 2])
        file.add_invalid_time_interval(start_time=50.0, stop_time=60.0, tags=["EcephysProbe", "1", "probeC"])
        file.add_invalid_time_interval(start_time=0.0, stop_time=400.0, tags=tags)

    return add


def test_times_that_are_invalid_for_another_probe(tmp_path: Path) -> None:
    folder = write(tmp_path, None, extra=add_invalid(["EcephysProbe", "2", "probeE"]))
    recording = read(folder)
    assert recording.observed[:, 0].tolist()[1:] == [60.0] and recording.observed[0, 1] == 50.0
    warnings = "\n".join(map(str, recording.warnings))
    assert "1 interval of invalid_times not applied: the tags (EcephysProbe, 2, probeE)" in warnings
    assert "10 s that the file calls invalid" in warnings


@pytest.mark.parametrize("tags", [["all_probes"], ["EcephysProbe", "probeD"], ["probeC", "probeE"]])
def test_times_that_are_invalid_for_used_probes(tmp_path: Path, tags: list[str]) -> None:
    folder = write(tmp_path, None, extra=add_invalid(tags))
    assert "is called invalid by the table invalid_times: to use it, name other times in data.observed" in refused(
        folder
    )
    assert len(read(folder, observed="trials").observed) == 40


# arrays of other shapes and other places of trials


def test_vectors_of_matlab_with_two_dimensions(tmp_path: Path) -> None:
    def columns(handle: Any) -> None:
        for name in ("start_time", "stop_time", "choice_time", "choice"):
            replace_values(handle, f"intervals/trials/{name}", handle[f"intervals/trials/{name}"][:][:, None])
        replace_values(handle, "units/region", handle["units/region"][:][:, None])
        replace_values(handle, "units/spike_times", handle["units/spike_times"][:][:, None])
        handle["units/spike_times_index"].attrs["target"] = handle["units/spike_times"].ref

    folder = write(tmp_path, change=columns)
    assert read(folder).units["region"].tolist() == REGIONS
    check_counts(folder)


def test_an_object_of_another_shape_can_be_deleted(tmp_path: Path) -> None:
    from pynwb import TimeSeries

    name = "processing/running/running_speed"

    def add(file: Any) -> None:
        speed = TimeSeries("running_speed", data=np.arange(50.0), timestamps=np.arange(50.0), unit="cm/s")
        file.create_processing_module("running", "").add(speed)

    def twice(handle: Any) -> None:
        replace_values(handle, f"{name}/timestamps", np.tile(np.arange(50.0), (2, 1)))

    folder = write(tmp_path, extra=add, change=twice)
    message = refused(folder)
    assert "got (2, 50)" in message and f"delete it from a copy of the file: with h5py, del file['{name}']" in message
    with h5py.File(folder / "s.nwb", "r+") as file:
        del file[name]
    check_counts(folder)


def test_presentations_of_stimuli_instead_of_trials(tmp_path: Path) -> None:
    name = "drifting_gratings_presentations"

    def add(file: Any) -> None:
        from pynwb.epoch import TimeIntervals

        table = TimeIntervals(name=name, description="")
        for column in TABLE.columns[2:]:
            table.add_column(column, "")
        for row in TABLE.to_dict("records"):
            table.add_row(**row)
        file.add_time_intervals(table)

    folder = write(tmp_path, trials=None, extra=add)
    assert f"trials.table = 'trials' is no interval table. Tables: {name}" in refused(folder)
    asked = settings(folder)
    asked = asked.model_copy(update={"trials": asked.trials.model_copy(update={"table": name})})
    assert read_all(asked)["s"].trials["choice"].tolist() == TABLE["choice"].tolist()
