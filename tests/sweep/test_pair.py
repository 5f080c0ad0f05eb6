"""One pair from its windows to its scores, by the code of the main pipeline: the truth of the simulation comes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from three_regions import LAG_S

from spikebridge.artifacts.sweep import PairRun, SweepResults
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.sweep.collect import collect
from spikebridge.sweep.pair import PairSections, check_translator, fit_pair
from spikebridge.sweep.scores import CollectSections
from spikebridge.types.verdicts import Verdict

Settings = Callable[..., Config]
RUN = ("A_B", "B_A", "A_C")


@pytest.fixture(scope="module")
def swept(prepared: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs/ and results/ of three of the six pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    for key in RUN:
        fit_pair(PairSections.of(settings()), prepared / "prepared", key, folder / "work", folder / "pairs" / key)
    plan = SweepPlan.read(prepared / "prepared")
    plan = SweepPlan(plan.folders, plan.units, plan.animals, [p for p in plan.pairs if p.key in RUN], (), {}, {})
    plan.write(folder)
    collect(CollectSections.of(settings()), folder, folder / "pairs", folder / "results")
    return folder


@pytest.fixture(scope="module")
def rows(swept: Path) -> pd.DataFrame:
    return SweepResults(swept / "results").read_pairs().set_index(["source", "target"])


@pytest.mark.slow
def test_both_directions_of_the_link_are_found_and_their_lags_are_opposite(rows: pd.DataFrame) -> None:
    for pair, lag in ((("A", "B"), LAG_S), (("B", "A"), -LAG_S)):
        row = rows.loc[pair]
        assert row["verdict_code"] == Verdict.SOURCE_PREDICTS_TARGET.code
        assert row["q"] < 0.01
        assert row["source_bits_per_spike_low"] > 0.03
        assert row["communication_gain_low"] > 0.0
        assert row["lag_s"] == pytest.approx(lag, abs=0.025)
        assert row["lag_s_low"] - 0.025 < lag < row["lag_s_high"] + 0.025
        assert row["dimension"] == 2


@pytest.mark.slow
def test_regions_that_only_drift_together_are_not_linked(rows: pd.DataFrame) -> None:
    row = rows.loc[("A", "C")]
    assert row["verdict_code"] == Verdict.NOT_SIGNIFICANT.code
    assert abs(row["trial_contrast_bits_per_spike"]) < 0.02
    assert row["communication_gain"] < 0.005


@pytest.mark.slow
def test_what_is_kept_of_a_trial(swept: Path) -> None:
    run = PairRun(swept / "pairs" / "A_B")
    trials, about = run.read_trials(), run.read_estimates()
    assert len(trials) == 80 and not trials.isna().any().any()
    assert (about.source, about.target, about.model) == ("A", "B", "ridge")
    assert about.units == {"rat0_day": [12, 12], "rat1_day": [12, 12]}
    assert list(about.steps) == ["mean_rate", "psth", "target_history", "linear_source"]
    assert about.shuffle_p == about.shuffle_smallest_p == pytest.approx(1 / 10_001)
    assert not (swept / "work").exists()
    assert sorted(p.name for p in (swept / "pairs" / "A_B").iterdir()) == ["pair.json", "trials.parquet"]


@pytest.mark.slow
def test_pairs_are_compared_on_the_same_trials(swept: Path) -> None:
    keys = ["recording", "trial", "fold", "time_s"]
    first, *others = (PairRun(swept / "pairs" / key).read_trials() for key in RUN)
    for other in others:
        pd.testing.assert_frame_equal(first[keys], other[keys])


@pytest.mark.slow
def test_a_second_fit_gives_the_same_numbers(swept: Path, prepared: Path, settings: Settings, tmp_path: Path) -> None:
    two = settings(compute={"workers": 2})
    fit_pair(PairSections.of(two), prepared / "prepared", "A_C", tmp_path / "work", tmp_path / "A_C")
    for name in ("trials.parquet", "pair.json"):
        assert (tmp_path / "A_C" / name).read_bytes() == (swept / "pairs" / "A_C" / name).read_bytes()


@pytest.mark.slow
def test_a_missing_pair_is_named(swept: Path, prepared: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results of B_C, C_A, C_B; run spikebridge sweep again"):
        collect(CollectSections.of(settings()), prepared / "prepared", swept / "pairs", tmp_path / "results")


@pytest.mark.parametrize("name", ["random_forest", "target_history", "target_history_source", "rigde"])
def test_only_translators_from_the_source_are_taken(name: str) -> None:
    with pytest.raises(ConfigError, match=r"expected a translator .*, got|did you mean ridge"):
        check_translator(name)
