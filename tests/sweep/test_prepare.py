"""All pairs share trials, windows and folds; they are those of the main pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from three_regions import recording

from spikebridge.artifacts.recordings import load_ingested
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.sweep import windows_of
from spikebridge.artifacts.sweep_plan import FoundRegions, SweepPlan
from spikebridge.artifacts.windows import load_quality, load_windows
from spikebridge.config import Config, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.io.readers import tables
from spikebridge.preprocess import make_windows
from spikebridge.splits import find_leaks, gap_s, make_splits, restricted
from spikebridge.sweep.prepare import IngestRegionsSections, PrepareSections, ingest_regions, pair_windows, prepare
from spikebridge.types import Windows

Settings = Callable[..., Config]
PAIRS = list(permutations("ABC", 2))


def windows(prepared: Path, source: str, target: str) -> list[Windows]:
    sides = [load_windows(windows_of(prepared / "prepared", region)) for region in (source, target)]
    return [pair_windows(*both) for both in zip(*sides, strict=True)]


def test_windows_of_a_pair_are_those_of_the_main_pipeline(prepared: Path, settings: Settings) -> None:
    for source, target in (("A", "B"), ("C", "A")):
        config = settings(data={"source": [source], "target": [target]})
        for w in windows(prepared, source, target):
            recording = load_ingested(prepared / "ingested" / w.recording)
            expected, _ = make_windows(recording, WindowSections.of(config), w.classes)
            assert w.digest() == expected.digest()


def test_every_pair_has_the_same_trials_and_folds(prepared: Path, settings: Settings) -> None:
    common = load_splits(prepared / "prepared" / "splits.json")
    hashes = set()
    for source, target in PAIRS:
        parts = windows(prepared, source, target)
        splits = restricted(common, parts)
        assert find_leaks(splits, parts) == []
        assert splits.gap_s == common.gap_s
        for fold, shared in zip(splits.folds, common.folds, strict=True):
            for w in parts:
                for pair_rows, shared_rows in ((fold.test, shared.test), (fold.train, shared.train)):
                    np.testing.assert_array_equal(pair_rows[w.recording], shared_rows[w.recording])
        hashes.add(splits.hash)
    assert len(hashes) == len(PAIRS)  # each is of its own units


def test_the_gap_serves_the_region_that_remembers_longest(prepared: Path, settings: Settings) -> None:
    common = load_splits(prepared / "prepared" / "splits.json")
    of_pairs = [windows(prepared, *pair) for pair in PAIRS]
    for k, name in enumerate(sorted(common.gap_s)):
        gaps = [gap_s(parts[k]) for parts in of_pairs]
        assert common.gap_s[name] == max(gaps)
    longest = max(of_pairs, key=lambda parts: gap_s(parts[0]))
    alone = make_splits(longest, settings().split)
    np.testing.assert_array_equal(alone.folds[1].train["rat0_day"], common.folds[1].train["rat0_day"])


def test_what_is_left_out_is_named(prepared: Path) -> None:
    plan = SweepPlan.read(prepared / "prepared")
    assert [(p.source, p.target) for p in plan.pairs] == PAIRS
    assert plan.unused_regions == {"D": "at most 3 units in a recording, fewer than sweep.min_units = 10"}
    assert plan.animals == {"rat0_day": "rat0", "rat1_day": "rat1"}
    quality = load_quality(prepared / "prepared" / "quality")
    assert quality["rat0_day"]["kept"].sum() == 39


def again(prepared: Path, out: Path, settings: Settings, **sections: Any) -> SweepPlan:
    sections_of = PrepareSections.of(settings(**sections))
    return prepare(sections_of, prepared / "ingested", out, lambda _: None)


def test_units_that_the_filters_drop_do_not_count(prepared: Path, tmp_path: Path, settings: Settings) -> None:
    quality = load_quality(prepared / "prepared" / "quality")
    rates = quality["rat0_day"].query("region != 'D'").groupby("region")["rate_hz"]
    limit = (
        float(rates.apply(lambda of: np.sort(of)[1]).min()) + 1e-9
    )  # one region loses two units, the others at most one
    plan = again(prepared, tmp_path / "out", settings, data={"min_rate_hz": limit}, sweep={"min_units": 11})
    for name, table in quality.items():
        kept = table[table["rate_hz"] >= limit].groupby("region").size()
        assert {region: plan.units[name].get(region, 0) for region in "ABC"} == kept.reindex(list("ABC")).to_dict()
    (few,) = [region for region in "ABC" if plan.units["rat0_day"][region] < 11]
    in_recording = {(p.source, p.target) for p in plan.pairs if "rat0_day" in p.recordings}
    assert in_recording == {pair for pair in PAIRS if few not in pair}


def test_without_a_pair_the_reasons_are_given(prepared: Path, tmp_path: Path, settings: Settings) -> None:
    message = "no pair of the regions A, B, C, D has enough units: A: at most 12 units in a recording"
    with pytest.raises(DataError, match=message):
        again(prepared, tmp_path / "out", settings, sweep={"min_units": 50})
    message = "both have 10 units or more in 2 recordings, expected 3"
    with pytest.raises(DataError, match=message):
        again(prepared, tmp_path / "out", settings, sweep={"min_recordings": 3})


def test_recordings_cannot_be_held_out(prepared: Path, tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"split\.by: a sweep needs block, got recording"):
        again(prepared, tmp_path / "out", settings, split={"by": "recording", "n_outer_folds": 2})


def test_a_second_reading_takes_over_what_did_not_change(prepared: Path, tmp_path: Path, settings: Settings) -> None:
    lines: list[str] = []
    sections = IngestRegionsSections.of(settings())
    ingest_regions(sections, tmp_path / "again", prepared / "ingested", lines.append)
    assert lines == ["rat0_day: unchanged", "rat1_day: unchanged"]
    assert FoundRegions.read(tmp_path / "again") == FoundRegions.read(prepared / "ingested")


def test_regions_are_grouped(tmp_path: Path, settings: Settings) -> None:
    config = settings(sweep={"regions": {"all": ["A", "B", "C"], "D": ["D"]}})
    ingest_regions(IngestRegionsSections.of(config), tmp_path / "two", None, lambda _: None)
    about = json.loads((tmp_path / "two" / "regions.json").read_text())
    assert about["groups"] == {"all": ["A", "B", "C"], "D": ["D"]}
    config = settings(sweep={"regions": config.sweep.regions, "min_units": 3})
    plan = prepare(PrepareSections.of(config), tmp_path / "two", tmp_path / "out", lambda _: None)
    assert plan.units["rat0_day"] == {"all": 36, "D": 3}


def test_one_region_is_no_sweep(tmp_path: Path, settings: Settings) -> None:
    tables.write(recording("rat0_day", 1, 10, {"A": 12}), tmp_path / "recordings")
    config = settings(data={"path": str(tmp_path / "recordings")})
    with pytest.raises(DataError, match="a sweep needs two regions or more in one recording; regions: A"):
        ingest_regions(IngestRegionsSections.of(config), tmp_path / "out", None, lambda _: None)


def test_regions_of_other_windows_are_refused(prepared: Path) -> None:
    a, b = (load_windows(windows_of(prepared / "prepared", region)) for region in "AB")
    with pytest.raises(DataError, match="rat0_day: the regions have other windows"):
        pair_windows(a[0], b[1])
    with pytest.raises(DataError, match="rat0_day: the regions have other windows"):
        pair_windows(a[0], b[0].select(np.arange(5)))
