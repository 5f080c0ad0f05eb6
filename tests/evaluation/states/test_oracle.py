"""Simulations with a known link in each state: values are the true ones, and no difference is claimed without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from state_studies import STATES, LinkedStates, recording, state_study
from studies import as_recording, small_config

from spikebridge.config import StateConfig, StatisticsConfig, TrialsConfig, WindowSections
from spikebridge.evaluation.states.coupling import StateCounts, matched_couplings, state_couplings
from spikebridge.evaluation.states.differences import coupling_differences, difference_table
from spikebridge.evaluation.states.values import Draws, coupling_rows
from spikebridge.preprocess import make_windows
from spikebridge.preprocess.states import Timeline, find_states
from spikebridge.simulate import simulate_session
from spikebridge.types.verdicts import Verdict

RUN, STILL = "run", "outside run"
DRAWS = Draws(StatisticsConfig(n_resamples=1000, cluster="recording"), (1, 10), {})


def counts_of(truth: LinkedStates, seed: int) -> StateCounts:
    made = [recording(truth, f"day{k}", np.random.default_rng([seed, k])) for k in range(truth.recordings)]
    windows = {w.recording: w for w, _ in made}
    timelines = [Timeline(w.recording, behavior) for w, behavior in made]
    return StateCounts.of(windows, find_states(STATES, TrialsConfig(), timelines, windows))


def differences(counts: StateCounts, seed: int = 1) -> pd.DataFrame:
    """Matched rows, by measure."""
    couplings = state_couplings(counts, 0.1, seed)
    rows = [{**row, "tested": True} for row in coupling_differences(counts, couplings, DRAWS, seed)]
    table = difference_table(rows, 0.05)
    return table[table["matched"].astype(bool)].set_index("measure")


def test_counts_of_the_gated_simulator() -> None:
    """Four latents reach the target 100 ms later, and only while the gate is open."""
    simulate = {"n_trials": 50, "n_source_units": [40, 40], "n_target_units": [30, 30], "drift": 0.1}
    config = small_config(simulate={**simulate, "regime": "gated", "gate": "observed"}, bins={"width_s": 0.05})
    windows, timelines = {}, []
    for k in range(2):
        session = simulate_session(config.simulate, np.random.default_rng([4, k]), f"day{k}", "rat")
        assert session.gate is not None
        gate = pd.DataFrame({"series": "gate", "time_s": session.time_s[::4], "value": session.gate[::4]})
        timelines.append(Timeline(session.name, gate))
        windows[session.name] = make_windows(as_recording(session), WindowSections.of(config), ("skip", "stay"))[0]
    states = find_states({"open": StateConfig(where="gate > 0.5")}, config.trials, timelines, windows)
    counts = StateCounts.of(windows, states)
    draws = Draws(StatisticsConfig(n_resamples=500), (1, 10), {})
    rows = [r for s, c in state_couplings(counts, 0.1, 1).items() for r in coupling_rows(s, c, counts, draws)]
    table = pd.DataFrame(rows)
    table = table[table["recording"] == "all"].set_index(["state", "measure"])
    assert table.loc[("open", "dimension"), "value"] in (3, 4)
    lag = table.loc[("open", "lag_s")]  # position changes slowly: of the four latents two hardly have a lag
    assert lag["ci_low"] <= 0.1 <= lag["ci_high"] + 0.025, "up to half a bin"
    assert table.loc[("open", "fitted_bits_per_spike"), "value"] > 0.1
    assert table.loc[("outside open", "dimension"), "value"] == 0
    assert np.isnan(table.loc[("outside open", "lag_s"), "value"])
    assert str(table.loc[("outside open", "lag_s"), "reason"]).startswith("no link")
    assert abs(table.loc[("outside open", "fitted_bits_per_spike"), "value"]) < 0.01


def test_matched_counts_have_equal_rates_and_the_same_link() -> None:
    """All rates are twice as high while running; the link is the same, and so it is found."""
    counts = counts_of(LinkedStates(recordings=2, trials=80, gain=2.0), 3)
    names = (RUN, STILL)
    couplings = state_couplings(counts, 0.1, 1)
    first, second = matched_couplings(counts, names, (couplings[RUN], couplings[STILL]), 1)
    for of_first, of_second in ((first.lag, second.lag), (first.dimension, second.dimension)):
        for name in counts.windows:
            assert of_first.bins[name].sum() == of_second.bins[name].sum() > 300
            assert of_first.spikes[name][0] == pytest.approx(of_second.spikes[name][0], rel=0.05)
            assert of_first.spikes[name][1] == pytest.approx(of_second.spikes[name][1], rel=0.05)
    raw = [couplings[state].dimension.spikes["day0"] for state in names]
    assert raw[0][1] > 1.5 * raw[1][1]
    for side in (first, second):
        for estimate in side.dimension.estimates.values():
            assert estimate.dimension == 3
        for estimate in side.lag.estimates.values():
            assert estimate.lag_s == pytest.approx(0.1, abs=0.02)


@pytest.mark.slow
def test_a_link_in_one_state_is_found_there_and_nowhere_else(tmp_path: Path) -> None:
    truth = LinkedStates(link=(0.6, 0.0))
    tables = state_study(tmp_path / "study", truth, 2, nested=True, cluster="recording")
    values = tables["states"]
    values = values[values["recording"] == "all"].set_index(["state", "measure"])["value"]
    assert values[RUN, "source_bits_per_spike"] > 0.1 > 0.0 > values[STILL, "source_bits_per_spike"]
    assert values[RUN, "communication_bits_per_spike"] > 0.03
    assert values[STILL, "communication_bits_per_spike"] < 0.01
    assert values[RUN, "lag_s"] == pytest.approx(0.1, abs=0.01) and np.isnan(values[STILL, "lag_s"])
    assert (values[RUN, "dimension"], values[STILL, "dimension"]) == (3, 0)
    assert abs(values[STILL, "fitted_bits_per_spike"]) < 0.002 < values[RUN, "fitted_bits_per_spike"]
    rows = tables["state_differences"]
    matched = rows[rows["matched"].astype(bool)].set_index("measure")
    for measure in ("source_bits_per_spike", "communication_bits_per_spike", "fitted_bits_per_spike", "dimension"):
        assert matched.loc[measure, "verdict"] == "larger in run", measure
        assert matched.loc[measure, "p"] == pytest.approx(2 / 64)
        assert matched.loc[measure, "ci_low"] > 0
    assert matched.loc["lag_s", "verdict_code"] == Verdict.LEFT_OUT.code


@pytest.mark.slow
def test_another_lag_in_one_state_is_found() -> None:
    """Both states have a link; the target follows by 50 ms in one and by 150 ms in the other."""
    early, late = (counts_of(LinkedStates(trials=90, lag_bins=k), 5) for k in (1, 3))
    windows = {}
    for name, w in early.windows.items():  # the same latents, source and states; the target of the state
        running = early.inside[RUN][name][:, :, None]
        target = np.where(running, w.target, late.windows[name].target)
        windows[name] = type(w)(**{**vars(w), "target": target})
    rows = differences(StateCounts(windows, early.inside))
    assert rows.loc["lag_s", "value_a"] == pytest.approx(0.05, abs=0.02)
    assert rows.loc["lag_s", "value_b"] == pytest.approx(0.15, abs=0.02)
    assert rows.loc["lag_s", "verdict"] == "larger in outside run"
    assert rows.loc["dimension", "verdict_code"] == Verdict.NOT_SIGNIFICANT.code


@pytest.mark.slow
def test_without_a_difference_none_is_claimed_from_counts() -> None:
    """Rates and numbers of bins differ, the link does not. Six studies of six recordings; p reaches 2/64 at best."""
    claims = pd.Series(0, index=["fitted_bits_per_spike", "lag_s", "dimension"])
    for seed in range(6):
        rows = differences(counts_of(LinkedStates(trials=80, gain=1.6, share=0.3), seed))
        claims += (rows["p"] <= 0.05).reindex(claims.index).astype(int)
    assert (claims <= 1).all(), claims.to_dict()


@pytest.mark.slow
def test_without_a_difference_none_is_claimed_from_predictions(tmp_path: Path) -> None:
    """Numbers of bins differ, the link and the rates do not."""
    claims = 0
    for seed in range(6):
        tables = state_study(tmp_path / str(seed), LinkedStates(share=0.3), seed, cluster="recording")
        rows = tables["state_differences"]
        rows = rows[rows["matched"].astype(bool)].set_index("measure")
        claims += rows.loc["source_bits_per_spike", "p"] <= 0.05
    assert claims <= 1
