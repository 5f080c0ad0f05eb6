"""docs/dandi.md and examples/dandi name the same sets, and the script of the page does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from project import ROOT

from spikebridge.config import load

PAGE = (ROOT / "docs" / "dandi.md").read_text(encoding="utf-8")
SETS = sorted(path.parent.name for path in (ROOT / "examples" / "dandi").glob("*/params.yaml"))


def test_the_page_names_every_example_and_no_other() -> None:
    assert len(SETS) >= 3
    assert sorted(re.findall(r"^\| \[(\d{6})\]\(#\1\) .*`\1/params\.yaml` \|$", PAGE, re.MULTILINE)) == SETS
    assert sorted(re.findall(r"^## (\d{6})$", PAGE, re.MULTILINE)) == SETS
    assert {f"{name}/params.yaml" for name in SETS} >= set(re.findall(r"examples/dandi/(\S+\.yaml)", PAGE))


@pytest.mark.parametrize("name", SETS)
def test_examples_differ_only_in_what_the_data_ask_for(name: str) -> None:
    params = load(ROOT / "examples" / "dandi" / name / "params.yaml").model_dump()
    other = load(ROOT / "examples" / "steinmetz" / "params.yaml").model_dump()
    own = {"data", "quality", "trials", "bins", "tracking", "models", "nested_models", "statistics"}
    assert {key for key in params if params[key] != other[key]} <= own
    assert params["statistics"] == {
        **other["statistics"],
        "cluster": "auto",
    }  # there recordings are few, and are clusters
    assert set(other["nested_models"]["confounds"]) <= set(other["trials"]["covariates"])
    assert set(params["nested_models"]["confounds"]) <= set(params["trials"]["covariates"])
    ours, theirs = params["models"], other["models"]
    assert {key for key in ours if ours[key] != theirs[key]} <= {"seq2seq"}  # short trials ask for another size
    assert set(ours["seq2seq"]) == set(theirs["seq2seq"])
    assert params["baseline"] == other["baseline"] == {"psth": "auto", "drift": "auto"}  # chosen by the data
    assert params["data"]["path"] == f"data/{name}"


def test_the_script_takes_regions_from_tetrodes(tmp_path: Path) -> None:
    tetrodes, rows = tmp_path / "tetrodes.nwb", tmp_path / "rows.nwb"
    write_as_matnwb(tetrodes, [1, 2, 3, 4])  # two rows a tetrode: as rows, three of them would be CA1
    write_as_matnwb(rows, [0, 3, 4, 7])
    output = run_script(tmp_path)
    assert "tetrodes.nwb: {'CA1': 2, 'PFC': 2}; as rows it would be {'CA1': 3, 'PFC': 1}" in output
    assert "rows.nwb: these look like rows ({'CA1': 2, 'PFC': 2})" in output
    assert regions(tetrodes) == ["CA1", "CA1", "PFC", "PFC"]
    assert regions(rows) is None
    assert "tetrodes.nwb: left as it is" in run_script(tmp_path)


def run_script(folder: Path) -> str:
    code = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    done = subprocess.run([sys.executable, "-c", code[0], str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_as_matnwb(path: Path, numbers: list[int]) -> None:
    """A file with two rows of electrodes a tetrode and, as MatNWB writes it, one bare number a unit."""
    import h5py
    from pynwb import NWBHDF5IO, NWBFile

    nwb = NWBFile("made to look like DANDI 000978", path.stem, datetime(2024, 5, 1, tzinfo=UTC))
    array = nwb.create_device("array")
    for tetrode in (1, 2, 3, 4):
        group = nwb.create_electrode_group(f"Tetrode{tetrode}", "a tetrode", "unknown", array)
        for _ in range(2):
            nwb.add_electrode(group=group, location="CA1" if tetrode <= 2 else "PFC")
    for number in numbers:
        nwb.add_unit(spike_times=[1.0, 2.0], electrodes=[number])
    with NWBHDF5IO(path, "w") as handle:
        handle.write(nwb)
    with h5py.File(path, "r+") as file:
        del file["units/electrodes_index"]


def regions(path: Path) -> list[str] | None:
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(path, "r") as handle:
        units = handle.read().units
        return list(units["region"].data[:]) if "region" in units.colnames else None
