"""Which names are one region, and with which of them a recording is read."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from three_regions import recording

from spikebridge.artifacts.sweep_plan import FoundRegions, RecordingRegions
from spikebridge.config import DataConfig
from spikebridge.errors import ConfigError
from spikebridge.io.readers import tables
from spikebridge.sweep.regions import find_regions, group_regions, section_of, units_of

UNITS = [{"VISp": 20, "CA1": 9, "ACA": 4, "root": 50}, {"ca1": 3, "CA3": 5, "LD": 6, "": 2}]
DATA = DataConfig(path="recordings", source=["x"], target=["y"])


def test_spellings_are_one_region_and_unknown_places_are_none() -> None:
    """Hippocampus first, then frontal cortex, then the others by name."""
    assert group_regions(UNITS) == {
        "CA1": ["CA1", "ca1"],
        "CA3": ["CA3"],
        "ACA": ["ACA"],
        "LD": ["LD"],
        "VISp": ["VISp"],
    }


def test_regions_are_as_the_user_names_and_orders_them() -> None:
    assert group_regions(UNITS, ["LD", "Ca1"]) == {"LD": ["LD"], "Ca1": ["CA1", "ca1"]}
    groups = group_regions(UNITS, {"hippocampus": ["CA1", "CA3"], "visual": ["VISp"]})
    assert groups == {"hippocampus": ["CA1", "ca1", "CA3"], "visual": ["VISp"]}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["CA1", "VISq"], "no unit of any recording is in VISq, did you mean VISp? Regions: ACA, CA1"),
        ({"hc": ["CA1", "CA2"], "v": ["VISp"]}, "no unit of any recording is in CA2 of the group hc, did you mean CA"),
        ({"hc": ["CA1", "CA3"], "field": ["ca3"]}, "CA3 is in two regions of the sweep, hc and field"),
    ],
)
def test_a_region_that_is_nowhere_or_twice_is_refused(asked: object, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        group_regions(UNITS, asked)  # type: ignore[arg-type]


def test_a_recording_is_read_with_all_of_its_regions() -> None:
    groups = group_regions(UNITS)
    here = RecordingRegions("brain_area", UNITS[1])
    assert units_of(here, groups) == {"CA1": 3, "CA3": 5, "LD": 6}
    section = section_of(DATA, here, groups, groups)
    assert section is not None
    assert (section.source, section.target, section.region_from) == (["LD"], ["ca1", "CA3"], "brain_area")
    assert section_of(DATA, here, groups, {"CA1", "VISp"}) is None  # one region alone is no pair


def test_regions_come_from_the_column_that_inspect_takes(tmp_path: Path) -> None:
    day = recording("rat1_day", 1, n_trials=4)
    layers = pd.Series(["shank1", "shank2"] * len(day.units))[: len(day.units)]
    frame = day.units.rename(columns={"region": "structure"}).assign(group_name=layers)
    frame["structure"] = frame["structure"].replace({"A": "CA1", "B": "PL"})
    object.__setattr__(day, "units", frame)
    tables.write(day, tmp_path)
    seen: list[str] = []
    data = DATA.model_copy(update={"path": str(tmp_path)})
    regions = find_regions(data, None, seen.append)
    assert seen == ["rat1_day"]
    assert regions.recordings["rat1_day"] == RecordingRegions("structure", {"CA1": 12, "PL": 12, "C": 12, "D": 3})
    assert list(regions.groups) == ["CA1", "PL", "C", "D"]
    by_shank = find_regions(data.model_copy(update={"region_from": "group_name"}), None)
    assert list(by_shank.groups) == ["shank1", "shank2"]


def test_found_regions_keep_their_order_on_disk(tmp_path: Path) -> None:
    regions = FoundRegions({"b": RecordingRegions("region", {"z": 1})}, {"z": ["z"], "a": ["a", "A"]})
    regions.write(tmp_path)
    again = FoundRegions.read(tmp_path)
    assert again == regions
    assert list(again.groups) == ["z", "a"]
