"""Which units are kept, why the others are not, and what is never judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import make_case
from read_one import read_recording

from spikebridge import io
from spikebridge.config import Config, RecordingSections, WindowSections
from spikebridge.errors import ConfigError, DataError
from spikebridge.preprocess import make_windows, quality_table, select_units
from spikebridge.preprocess.quality import UnitSelection
from spikebridge.preprocess.trials import Dropped
from spikebridge.types import Recording

Make = Callable[..., Recording]
Settings = Callable[..., Config]
SPIKES = {9: [1.0, 2.0, 3.0, 4.0], 2: [1.0], 5: [50.0], 7: [1.0], 1: []}
REGIONS = ("CA1", "CA1", "CA3", "PFC", "CA3")
DATA = {"source": ["CA1", "CA3"], "target": ["PFC"]}
COLUMNS = [
    "unit", "name", "region", "role", "n_spikes", "rate_hz", "isi_violations_ratio", "isi_violations_count",
    "presence_ratio", "amplitude_cutoff", "sorter_label", "rate_change", "kept", "criterion", "reason", "reasons",
    "not_judged",
]  # fmt: skip


def table_of(recording: Recording, config: Config) -> pd.DataFrame:
    return quality_table(recording, config.data, config.quality)


def selected(recording: Recording, config: Config) -> UnitSelection:
    return select_units(recording, config.data, config.quality)


@pytest.fixture
def hour() -> Recording:
    """Twenty minutes of six sound units at 5 Hz with a refractory time of 3 ms, three in each region."""
    rng = np.random.default_rng(0)
    trains = [np.cumsum(0.003 + rng.exponential(0.197, 7000)) for _ in range(6)]
    return of_trains([t[t < 1200] for t in trains])


def of_trains(trains: list[np.ndarray]) -> Recording:
    n = len(trains)
    unit, region = np.repeat(np.arange(n), [len(t) for t in trains]), np.repeat(["HC", "PFC"], n // 2)
    return Recording(
        name="made",
        animal="rat",
        spikes=pd.DataFrame({"unit": unit, "time_s": np.concatenate(trains)}),
        units=pd.DataFrame({"unit": np.arange(n), "region": region}),
        trials=pd.DataFrame({"go": [5.0, 8.0], "choice": ["a", "b"]}),
        behavior=pd.DataFrame({"series": [], "time_s": [], "value": []}),
        observed=np.array([[0.0, 1200.0]]),
    )


def spoil(recording: Recording, unit: int, change: Callable[[np.ndarray], np.ndarray]) -> Recording:
    """The recording with the train of one unit changed."""
    times = {u: s["time_s"].to_numpy() for u, s in recording.spikes.groupby("unit")}
    times[unit] = np.sort(change(times[unit]))
    parts = [pd.DataFrame({"unit": u, "time_s": t}) for u, t in times.items()]
    return replace(recording, spikes=pd.concat(parts, ignore_index=True))


def reasons(recording: Recording, config: Config) -> dict[int, str]:
    table = table_of(recording, config)
    assert (table["kept"] == (table["reasons"] == "")).all()
    return {int(u): r for u, r in zip(table["unit"], table["reasons"], strict=True) if r}


@pytest.mark.parametrize(
    ("min_rate", "kept", "report"),
    [
        (0.0, [2, 9], {"CA1": {"kept": 2, "dropped": 0}, "CA3": {"kept": 0, "dropped": 2}}),
        (0.4, [9], {"CA1": {"kept": 1, "dropped": 1}, "CA3": {"kept": 0, "dropped": 2}}),
    ],
)
def test_rate_counts_observed_time_only(
    make_recording: Make, settings: Settings, min_rate: float, kept: list[int], report: dict[str, dict[str, int]]
) -> None:
    """Unit 5 fires outside the observed time, unit 1 never: neither has a rate."""
    spikes = SPIKES | {7: [0.5 * k for k in range(9)]}
    recording = make_recording([5.0], ["a"], spikes=spikes, regions=REGIONS, observed=[[0.0, 4.5], [6.0, 11.5]])
    selection = selected(recording, settings(data=DATA | {"min_rate_hz": min_rate}))
    assert selection.kept["source"].tolist() == kept
    assert selection.units["source"] == report
    silent = {"data.observed": Dropped(2, "no spike in the observed time")}
    slow = {"data.min_rate_hz": Dropped(1, "rate below 0.4 Hz")}
    assert selection.dropped["source"] == (silent | slow if min_rate else silent)


def test_nothing_left_says_what_to_change(make_recording: Make, settings: Settings) -> None:
    recording = make_recording([5.0], ["a"], spikes=SPIKES, regions=REGIONS, observed=[[0.0, 10.0]])
    message = (
        r"small: none of the 4 units in source \['CA1', 'CA3'\] is kept.* "
        r"2 no spike in the observed time \(data\.observed\); 4 rate below 1 Hz \(data\.min_rate_hz\); "
        r"the highest rate is 0\.4 Hz"
    )
    with pytest.raises(DataError, match=message):
        selected(recording, settings(data=DATA | {"min_rate_hz": 1.0}))
    with pytest.raises(DataError, match=r"none of the 0 units in target \['V1'\].*no unit lies there"):
        selected(recording, settings(data=DATA | {"target": ["V1"]}))


def test_sound_units_pass_with_every_measure_in_place(hour: Recording, settings: Settings) -> None:
    table = table_of(hour, settings())
    assert list(table.columns) == COLUMNS
    assert table["kept"].all()
    assert table["role"].tolist() == ["source"] * 3 + ["target"] * 3
    assert (table["presence_ratio"] == 1).all()
    assert (table["isi_violations_count"] == 0).all()
    assert table["amplitude_cutoff"].isna().all()
    assert np.allclose(table["rate_change"], 1, atol=0.15)
    assert selected(hour, settings()).notes == {}


def test_each_spoilt_unit_fails_its_own_criterion(hour: Recording, settings: Settings) -> None:
    rng = np.random.default_rng(1)
    spoilt = spoil(hour, 0, lambda t: np.concatenate([t, rng.uniform(0, 1200, len(t))]))  # two neurons in one unit
    spoilt = spoil(spoilt, 1, lambda t: t[t < 850])  # lost after two thirds
    spoilt = spoil(spoilt, 3, lambda t: t[rng.random(len(t)) < 0.005])
    spoilt = replace(spoilt, units=spoilt.units.assign(amplitude_cutoff=[0.0, 0.1, 0.0, 0.0, 0.5, np.nan]))
    config = settings(data={"min_rate_hz": 0.1}, quality={"max_rate_change": 4.0, "max_isi_violations": 0.3})
    assert reasons(spoilt, config) == {
        0: "ISI violations ratio above 0.3",
        1: "presence ratio below 0.9; rate change outside 0.25 to 4 times",
        3: "rate below 0.1 Hz; presence ratio below 0.9",
        4: "amplitude cutoff above 0.1",
    }
    selection = selected(spoilt, config)
    assert selection.kept["source"].tolist() == [2]
    assert selection.kept["target"].tolist() == [5]
    assert selection.dropped == {
        "source": {
            "quality.max_isi_violations": Dropped(1, "ISI violations ratio above 0.3"),
            "quality.min_presence_ratio": Dropped(1, "presence ratio below 0.9"),
        },
        "target": {
            "data.min_rate_hz": Dropped(1, "rate below 0.1 Hz"),
            "quality.max_amplitude_cutoff": Dropped(1, "amplitude cutoff above 0.1"),
        },
    }
    off = dict.fromkeys(("max_isi_violations", "min_presence_ratio", "max_amplitude_cutoff", "sorter_labels"))
    assert reasons(spoilt, settings(quality=off)) == {}


def test_coarse_times_have_no_isi_violations(hour: Recording, settings: Settings) -> None:
    """On a grid of 10 ms two spikes of a bin are 0 apart, which says nothing; the same on a grid of 1 ms does."""
    rng = np.random.default_rng(1)
    spoilt = spoil(hour, 0, lambda t: np.concatenate([t, rng.uniform(0, 1200, len(t))]))
    coarse = replace(spoilt, spikes=spoilt.spikes.assign(time_s=(spoilt.spikes["time_s"] // 0.01) * 0.01))
    assert table_of(coarse, settings())["isi_violations_ratio"].isna().all()
    assert "grid of 10 ms" in selected(coarse, settings()).notes["isi_violations_ratio"]
    fine = replace(spoilt, spikes=spoilt.spikes.assign(time_s=(spoilt.spikes["time_s"] // 0.001) * 0.001))
    strict = settings(quality={"max_isi_violations": 0.3})
    assert list(reasons(fine, strict)) == [0]
    assert reasons(coarse, strict) == {}
    assert reasons(replace(spoilt, resolution_s=0.02), strict) == {}, "the reader knows"


def test_short_recordings_have_no_presence(hour: Recording, settings: Settings) -> None:
    short = replace(hour, observed=np.array([[0.0, 250.0], [300.0, 649.0]]))
    assert table_of(short, settings())["presence_ratio"].isna().all()
    assert selected(short, settings()).notes["presence_ratio"].startswith("599 s of observed time")
    assert table_of(short, settings(quality={"presence_bin_s": 59.9}))["presence_ratio"].notna().all()


def test_presence_is_not_missed_where_nothing_was_observed(hour: Recording, settings: Settings) -> None:
    gap = replace(hour, observed=np.array([[0.0, 500.0], [900.0, 1200.0]]))
    gap = replace(gap, spikes=gap.spikes[~gap.spikes["time_s"].between(500, 900)])
    table = table_of(gap, settings())
    assert (table["presence_ratio"] == 1).all()
    assert np.allclose(table["rate_change"], 1, atol=0.15)


@pytest.mark.parametrize(
    ("columns", "quality", "dropped"),
    [
        ({"quality": ["good", "mua", "noise", "good", "Good ", None]}, {}, [1, 2]),
        ({"group": ["shank1"] * 6, "KSLabel": ["good"] * 5 + ["mua"]}, {}, [5]),
        ({"quality": ["single", "multi", "su", "SUA", "mua", "single unit"]}, {}, [1, 4]),
        ({"quality": [0, 1, 2, 3, 4, 5]}, {}, []),
        ({"quality": ["fine", "poor"] * 3}, {}, []),
        ({"quality": ["good", "mua"] * 3}, {"sorter_labels": None}, []),
        ({"quality": ["good", "mua"] * 3}, {"sorter_label_from": None}, []),
        ({"quality": ["good", "mua"] * 3}, {"sorter_labels": ["good", "mua"]}, []),
        ({"mine": ["fine", "poor"] * 3}, {"sorter_label_from": "mine", "sorter_labels": ["fine"]}, [1, 3, 5]),
        ({"phy": [2, 1, 2, 2, 2, np.nan]}, {"sorter_label_from": "phy", "sorter_labels": ["2"]}, [1]),
    ],
)
def test_sorter_labels(
    hour: Recording, settings: Settings, columns: dict[str, list[Any]], quality: dict[str, Any], dropped: list[int]
) -> None:
    labelled = replace(hour, units=hour.units.assign(**columns))
    assert list(reasons(labelled, settings(quality=quality))) == dropped


def test_a_named_label_column_must_be_there(hour: Recording, settings: Settings) -> None:
    with pytest.raises(DataError, match=r"made: quality.sorter_label_from: no column 'mine'.*columns: unit, region"):
        selected(hour, settings(quality={"sorter_label_from": "mine"}))


@pytest.mark.parametrize(
    "quality",
    [{"min_presence_ratio": 1.5}, {"max_rate_change": 0.5}, {"sorter_labels": []}, {"max_isi_violation": 1.0}],
)
def test_settings_are_checked(settings: Settings, quality: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"quality.{next(iter(quality))}"):
        settings(quality=quality)


def test_windows_leave_out_what_is_not_kept(hour: Recording, settings: Settings) -> None:
    labelled = replace(hour, units=hour.units.assign(quality=["good", "mua", "good"] * 2))
    windows, report = make_windows(labelled, WindowSections.of(settings()), ("a", "b"))
    assert windows.source_units.tolist() == [0, 2]
    assert windows.target_units.tolist() == [3, 5]
    assert report["units"]["source"] == {"HC": {"kept": 2, "dropped": 1}}
    assert report["quality"]["dropped"]["target"] == {
        "quality.sorter_labels": {"number": 1, "text": "sorter label not good"}
    }
    assert report["quality"]["limits"]["presence_ratio"] == [0.9, None]


def test_the_table_survives_a_file(hour: Recording, settings: Settings, tmp_path: Path) -> None:
    table = table_of(spoil(hour, 1, lambda t: t[t < 600]), settings())
    table.to_csv(tmp_path / "q.csv", index=False)
    back = pd.read_csv(tmp_path / "q.csv", keep_default_na=False, na_values={"amplitude_cutoff": [""]})
    pd.testing.assert_frame_equal(back, table, check_dtype=False)


@pytest.mark.parametrize(
    ("columns", "dropped", "note"),
    [
        ({"quality_label": ["good", "mua", "noise"] * 2}, [1, 2, 4, 5], "from column quality_label"),
        ({"bc_unitType": ["GOOD", "MUA", "NON-SOMA"] * 2, "KSLabel": ["good"] * 6}, [1, 2, 4, 5],
         "from column bc_unitType; not used: KSLabel, which says otherwise of 4"),
        ({"quality": ["good", "", "", "good", "unsorted", "mua"], "KSLabel": ["mua", "mua", "good"] * 2}, [1, 4, 5],
         "from columns quality (3), KSLabel (3)"),
        ({"quality": ["good", "mua", "good"] * 2, "KSLabel": ["good", "mua", "good"] * 2}, [1, 4],
         "from column quality; KSLabel says the same"),
        ({"quality": ["good"] * 6, "group": ["good", "mua", "good"] * 2}, [1, 4],
         "from columns quality (4), group (2)"),
        ({"depth": [1.0] * 6}, [], "no units column holds words such as good, mua or noise"),
    ],
)  # fmt: skip
def test_labels_by_their_words(
    hour: Recording, settings: Settings, columns: dict[str, list[Any]], dropped: list[int], note: str
) -> None:
    labelled = replace(hour, units=hour.units.assign(**columns))
    assert list(reasons(labelled, settings())) == dropped
    used = {f.filter: f for f in selected(labelled, settings()).filters}["quality.sorter_labels"]
    assert (used.units, used.dropped, used.note) == (6, len(dropped), note)


def test_what_each_filter_did(hour: Recording, settings: Settings) -> None:
    spoilt = spoil(hour, 1, lambda t: t[t < 600])
    units = spoilt.units.assign(quality=["good", "mua", "", "", "good", "good"], amplitudeCutoff=[0.5, *[np.nan] * 5])
    config = settings(quality={"max_rate_change": None})
    chosen = selected(replace(spoilt, units=units), config)
    outcomes = {f.filter: (f.judged, f.dropped, f.note) for f in chosen.filters}
    assert outcomes == {
        "quality.sorter_labels": (4, 1, "from column quality"),
        "data.min_rate_hz": (0, 0, "off: the setting is null or 0"),
        "quality.max_isi_violations": (6, 0, ""),
        "quality.min_presence_ratio": (6, 1, ""),
        "quality.max_amplitude_cutoff": (1, 1, "only where column amplitudeCutoff has a number"),
        "quality.max_rate_change": (0, 0, "off: the setting is null or 0"),
    }
    table = table_of(replace(spoilt, units=units), config).set_index("unit")
    assert table.loc[2, "not_judged"] == "quality.sorter_labels; quality.max_amplitude_cutoff"
    assert table.loc[0, "not_judged"] == ""


def test_labels_that_contradict_or_are_not_used_are_said(hour: Recording, settings: Settings) -> None:
    units = hour.units.assign(quality=["good"] * 6, group=["mua", *["good"] * 5], label=[1.0, 1 / 3] * 3)
    contradict, unused = selected(replace(hour, units=units), settings()).warnings
    assert "unit 0 (quality: good, group: mua; used: mua)" in contradict.text
    assert "label (1: 3, 0.333333333333: 3)" in unused.text
    asked = settings(quality={"sorter_label_from": "label", "sorter_labels": ["1"]})
    assert list(reasons(replace(hour, units=units), asked)) == [1, 3, 5], "the remedy works as it is said"
    windows, report = make_windows(replace(hour, units=units), WindowSections.of(settings()), ("a", "b"))
    assert windows.source_units.tolist() == [1, 2]
    assert contradict.as_dict() in report["warnings"]


@pytest.mark.slow
def test_columns_of_other_names(tmp_path: Path, settings: Settings) -> None:
    """Three NWB files and a folder of Phy: three of six units in each region are good."""
    make_case("33_label_columns", tmp_path)
    config = settings(data={"source": ["CA1"], "target": ["PFC"], "path": str(tmp_path)},
                      trials={"align": "start_time", "window_s": [-2.0, 0.0]})  # fmt: skip
    for path in io.named_recordings(tmp_path):
        chosen = selected(read_recording(path, RecordingSections.of(config)), config)
        assert {role: len(ids) for role, ids in chosen.kept.items()} == {"source": 3, "target": 3}
