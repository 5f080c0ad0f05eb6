"""The NWB reader on types that only a lab's own extension knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from nwb_contents import contents

EXTENSION = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from pynwb import NWBHDF5IO, NWBFile, get_class, load_namespaces
from pynwb.spec import NWBAttributeSpec, NWBDatasetSpec, NWBGroupSpec, NWBNamespaceBuilder, export_spec

path = Path(sys.argv[1])
text = [NWBAttributeSpec(name="description", doc="", dtype="text")]
times = NWBDatasetSpec(name="timestamps", dtype="float64", shape=(None,), doc="")
codes = NWBDatasetSpec(name="data", dtype="uint8", shape=(None,), doc="")
kinds = {
    "Events": NWBGroupSpec(neurodata_type_def="Events", neurodata_type_inc="NWBDataInterface", doc="",
                           datasets=[times], attributes=text),
    "LabeledEvents": NWBGroupSpec(neurodata_type_def="LabeledEvents", neurodata_type_inc="Events", doc="",
                                  datasets=[codes]),
    "PoseSeries": NWBGroupSpec(neurodata_type_def="PoseSeries", neurodata_type_inc="SpatialSeries", doc=""),
    "Pose": NWBGroupSpec(neurodata_type_def="Pose", neurodata_type_inc="NWBDataInterface", doc="",
                         groups=[NWBGroupSpec(neurodata_type_inc="PoseSeries", quantity="*", doc="")]),
    "Laps": NWBGroupSpec(neurodata_type_def="Laps", neurodata_type_inc="TimeIntervals", doc="",
                         attributes=[NWBAttributeSpec(name="maze", doc="", dtype="text")]),
    "Rig": NWBGroupSpec(neurodata_type_def="Rig", neurodata_type_inc="LabMetaData", doc="",
                        attributes=[NWBAttributeSpec(name="room", doc="", dtype="text")]),
}
builder = NWBNamespaceBuilder(name="ndx-lab", version="0.1.0", doc="a lab's own", author="a", contact="a@b.c")
builder.include_namespace("core")
export_spec(builder, list(kinds.values()), str(path.parent))
load_namespaces(str(path.parent / "ndx-lab.namespace.yaml"))
make = {name: get_class(name, "ndx-lab") for name in kinds}

file = NWBFile("s", "i", datetime(2026, 1, 1, tzinfo=UTC))
file.add_unit_column("region", "")
file.add_unit(spike_times=[0.5, 1.5], region="HC")
file.add_unit(spike_times=[2.0], region="PFC")
file.add_lab_meta_data(make["Rig"](name="rig", room="3"))
laps = make["Laps"](name="laps", description="", maze="W")
laps.add_row(start_time=1.0, stop_time=2.0)
file.add_time_intervals(laps)
module = file.create_processing_module("behavior", "")
module.add(make["Events"](name="licks", description="", timestamps=[1.0, 2.0]))
module.add(make["LabeledEvents"](name="cues", description="", timestamps=[3.0, 4.0], data=np.array([7, 8], "u1")))
nose = make["PoseSeries"](name="nose", data=np.arange(4.0).reshape(2, 2), reference_frame="", rate=2.0)
module.add(make["Pose"](name="pose", pose_series=[nose]))
with NWBHDF5IO(str(path), "w") as io:
    io.write(file)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with types of an extension, written by another process: here nobody has heard of them."""
    path = tmp_path_factory.mktemp("extension") / "a.nwb"
    done = subprocess.run([sys.executable, "-c", EXTENSION, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("forgotten", ["", "specifications/ndx-lab"])
def test_extensions(extended: Path, tmp_path: Path, forgotten: str) -> None:
    """By the namespaces in the file; where even those are missing, by what each object looks like."""
    path = tmp_path / "a.nwb"
    shutil.copy(extended, path)
    if forgotten:
        with h5py.File(path, "r+") as handle:
            del handle[forgotten]
    recording = contents(path)
    assert recording.units["region"].tolist() == ["HC", "PFC"]
    assert recording.spikes["time_s"].tolist() == [0.5, 1.5, 2.0]
    assert recording.tables["laps"]["stop_time"].tolist() == [2.0]
    rows = recording.behavior.groupby("series")[["time_s", "value"]].agg(list).to_dict("index")
    assert rows == {
        "licks": {"time_s": [1.0, 2.0], "value": [1.0, 1.0]},
        "cues": {"time_s": [3.0, 4.0], "value": [7.0, 8.0]},
        "nose_x": {"time_s": [0.0, 0.5], "value": [0.0, 2.0]},
        "nose_y": {"time_s": [0.0, 0.5], "value": [1.0, 3.0]},
    }
