"""Values and differences of states in a fake study, against sums over its bins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, Study, held_out, make_study
from fake_states import CONDITION, ingested, make_states, with_states

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import STATE_DIFFERENCES, STATES
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.evaluation.inputs import read
from spikebridge.evaluation.states.held_out import held_out_bins, translation_measures
from spikebridge.preprocess.states import StateBins
from spikebridge.types.verdicts import Verdict

RUN = {"run": {"where": CONDITION}}


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict[str, np.ndarray]]:
    """A study, and where each animal runs; tests only read it, and may add folders out_*."""
    study = make_study(tmp_path_factory.mktemp("moving"), Plan(trials=60))
    return study, make_states(study)


def evaluated(study: Study, out: str, states: dict[str, Any], **statistics: Any) -> EvaluationRun:
    changed = with_states(study, states, **statistics)
    sections = EvaluationSections.of(changed.config)
    evaluate(sections, *study.places, study.root / out, None, None, ingested(study))
    return EvaluationRun(study.root / out)


@pytest.fixture(scope="module")
def evaluation(moving: tuple[Study, dict[str, np.ndarray]]) -> EvaluationRun:
    return evaluated(moving[0], "out_states", RUN)


def table(run: EvaluationRun, name: str) -> pd.DataFrame:
    read = run.read_table(name)
    assert read is not None
    return read


def test_translation_is_that_of_the_bins_of_the_state(
    moving: tuple[Study, dict[str, np.ndarray]], evaluation: EvaluationRun
) -> None:
    """From the rates on disk, the training means and the counts, in every recording and over all."""
    study, running = moving
    rates = {m: study.run(m).read_translation(m).rates for m in ("seq2seq", "ridge")}
    sums: dict[tuple[str, str, str], np.ndarray] = {}
    for fold, w, index in held_out(study):
        base = w.target[study.splits.folds[fold].train[w.recording]].mean(axis=(0, 1))
        for model, (trial, predicted) in ((m, r[w.recording]) for m, r in rates.items()):
            rate = predicted[np.searchsorted(trial, w.trial[index])].astype(float)
            y = w.target[index].astype(float)
            nats = y * np.log(rate / base) - (rate - base)
            for state, flags in (("run", running[w.recording][index]), ("outside run", ~running[w.recording][index])):
                part = np.array([nats[flags].sum(), y[flags].sum(), flags.sum()])
                for name in (w.recording, "all"):
                    sums[model, state, name] = sums.get((model, state, name), 0) + part
    rows = table(evaluation, "states")
    assert list(rows.columns) == list(STATES)
    rows = rows[rows["measure"] == "source_bits_per_spike"].set_index(["model", "state", "recording"])
    assert set(rows.index) == set(sums)
    for key, (nats, spikes, n) in sums.items():
        assert rows.loc[key, "value"] == pytest.approx(nats / spikes / np.log(2), rel=2e-3)
        assert (rows.loc[key, "n_bins"], rows.loc[key, "n_spikes"]) == (n, spikes)
        assert rows.loc[key, "ci_low"] < rows.loc[key, "value"] < rows.loc[key, "ci_high"]


def test_states_that_cover_all_bins_share_the_information(evaluation: EvaluationRun) -> None:
    rows = table(evaluation, "states")
    rows = rows[(rows["measure"] == "source_bits_per_spike") & (rows["recording"] == "all")]
    whole = evaluation.read_metrics()["translation"]
    for model, both in rows.groupby("model"):
        mean = np.average(both["value"], weights=both["n_spikes"])
        assert mean == pytest.approx(whole[model]["source_bits_per_spike"]["value"], rel=2e-3)


def test_differences_are_of_the_values_and_matched_bins_are_as_many(evaluation: EvaluationRun) -> None:
    rows, values = table(evaluation, "state_differences"), table(evaluation, "states")
    assert list(rows.columns) == list(STATE_DIFFERENCES)
    values = values[values["recording"] == "all"].set_index(["measure", "state"])
    translated = rows[(rows["model"] == "seq2seq") & ~rows["matched"]].iloc[0]
    state_values = values[values["model"] == "seq2seq"]["value"]
    assert translated["value_a"] == pytest.approx(state_values["source_bits_per_spike", "run"])
    assert translated["difference"] == pytest.approx(translated["value_a"] - translated["value_b"])
    assert translated["n_shared_bins"] == 0
    matched = rows[rows["matched"]]
    assert (matched["n_bins_a"] == matched["n_bins_b"]).all()
    assert (matched["n_bins_a"] > 500).all()
    from_counts = matched[matched["model"].isna()]
    assert len(from_counts) == 3
    for region in ("source", "target"):
        assert np.allclose(from_counts[f"{region}_hz_a"], from_counts[f"{region}_hz_b"], rtol=0.03)
    assert set(matched["cluster"]) == {"recording"} and set(matched["n_clusters"]) == {6}
    assert set(matched["smallest_attainable_p"]) == {2 / 64}


def test_with_the_level_given_gains_of_the_target_do_not_matter(moving: tuple[Study, dict[str, np.ndarray]]) -> None:
    """Against a loop over blocks and units; and all rates of a state multiplied, in counts or in predictions."""
    study, running = moving
    inputs = read(["seq2seq"], *study.places[:3])
    data = held_out_bins(inputs, {"run": {name: StateBins(flags) for name, flags in running.items()}})
    (measure,) = translation_measures(inputs, data)
    bins, index = data.inside["run"], np.zeros(len(data.table), dtype=np.int64)
    nats = spikes = 0.0
    for recording, rows in data.rows.items():
        r, b = measure.rates[recording]
        y = data.counts[recording].astype(float)
        for block in np.unique(data.block[rows]):
            here = (data.block[rows] == block)[:, None] & bins[rows]
            for u in range(y.shape[2]):
                unit_counts, rate, base = y[here][:, u], r[here][:, u], b[here][:, u]
                nats += unit_counts @ (np.log(rate / rate.sum()) - np.log(base / base.sum()))
                spikes += unit_counts.sum()
    ones = np.ones((1, 1))
    value = measure.score(data, bins, index, level_given=True)(ones)[0]
    assert value == pytest.approx(nats / spikes / np.log(2), rel=1e-9)
    raised = replace(measure, rates={k: (3.0 * r, b) for k, (r, b) in measure.rates.items()})
    assert raised.score(data, bins, index, level_given=True)(ones)[0] == pytest.approx(value, rel=1e-9)
    assert raised.score(data, bins, index)(ones)[0] < value - 1
    tripled = replace(data, counts={k: 3 * y.astype(np.int64) for k, y in data.counts.items()})
    assert measure.score(tripled, bins, index, level_given=True)(ones)[0] == pytest.approx(value, rel=1e-9)


def test_no_link_differs_between_states_that_mean_nothing(evaluation: EvaluationRun) -> None:
    rows = table(evaluation, "state_differences")
    tested = rows[rows["role"] == "states"]
    assert set(tested["measure"]) == {"source_bits_per_spike", "fitted_bits_per_spike", "lag_s", "dimension"}
    assert set(tested["model"].fillna("")) == {"seq2seq", ""}, "ridge is described"
    assert set(tested["verdict_code"]) == {Verdict.NOT_SIGNIFICANT.code}
    assert (rows.loc[~rows["matched"], "verdict_code"] == Verdict.DESCRIPTIVE.code).all()


def test_lag_of_both_states_is_the_true_one(moving: tuple[Study, Any], evaluation: EvaluationRun) -> None:
    rows = table(evaluation, "states")
    rows = rows[(rows["measure"] == "lag_s") & (rows["recording"] == "all")]
    true = Plan().lag_bins * Plan().bin_s
    assert np.allclose(rows["value"], true, atol=0.05)
    assert (rows["max_lag_s"] >= 0.125).all()


def test_metrics_have_the_values_and_the_gain_says_why_it_is_missing(evaluation: EvaluationRun) -> None:
    content = evaluation.read_metrics()["states"]
    assert content["values"]["run"]["communication_bits_per_spike"]["reason"] == "the stage nested_models was not run"
    both = content["differences"]["run"]["outside run"]["source_bits_per_spike"]
    assert set(both) == {"matched", "as_they_are"}
    rows = table(evaluation, "state_differences")
    row = rows[(rows["model"] == "seq2seq") & rows["matched"]].iloc[0]
    assert both["matched"]["value"] == pytest.approx(row["difference"])
    assert both["matched"]["p_holm"] == pytest.approx(row["p_holm"])


@pytest.mark.slow
def test_null_leaves_everything_as_it_was(moving: tuple[Study, Any], evaluation: EvaluationRun) -> None:
    study, _ = moving
    evaluate(EvaluationSections.of(study.config), *study.places, study.root / "out_null")
    without = EvaluationRun(study.root / "out_null")
    assert without.read_table("states") is None
    content = evaluation.read_metrics()
    content.pop("states")
    assert content == without.read_metrics()
    assert evaluation.comparisons.read_bytes() == without.comparisons.read_bytes()


@pytest.mark.slow
def test_overlapping_and_rare_states(moving: tuple[Study, dict[str, np.ndarray]]) -> None:
    """Bins of two states belong to both; a state without data has a reason, and no row is lost."""
    study, running = moving
    states = {**RUN, "rest": {"intervals": "rest"}, "any": {"where": "speed > 0"}, "fast": {"where": "speed > 50"}}
    run = evaluated(study, "out_many", states, cluster="block")
    values, rows = table(run, "states"), table(run, "state_differences")
    assert rows.groupby(["measure", "model", "matched"], dropna=False).size().eq(6).all()
    ours = rows[(rows["model"] == "seq2seq") & ~rows["matched"]].set_index(["state_a", "state_b"])
    n_run = sum(int(running[w.recording][np.sort(index)].sum()) for _, w, index in held_out(study))
    assert ours.loc[("run", "any"), "n_shared_bins"] == n_run
    assert ours.loc[("run", "rest"), "n_shared_bins"] == 0
    fast = values[(values["state"] == "fast") & (values["recording"] == "all")].set_index("measure")
    assert fast["value"].isna().all() and (fast["reason"] != "").all()
    assert "got 0 with 0" in str(fast.loc["source_bits_per_spike", "reason"].iloc[0])
    left = rows[(rows["state_b"] == "fast")]
    assert set(left["verdict_code"]) == {Verdict.LEFT_OUT.code} and left["difference"].isna().all()


def test_states_need_what_was_ingested_and_known_names(moving: tuple[Study, Any], tmp_path: Path) -> None:
    study, _ = moving

    def sections(states: dict[str, Any]) -> EvaluationSections:
        config: Config = with_states(study, states).config
        return EvaluationSections.of(config)

    with pytest.raises(DataError, match="expected the ingested recordings"):
        evaluate(sections(RUN), *study.places, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"analysis.states.x: none of 6 recordings has it: .* series 'sped', did you"):
        unknown = sections({"x": {"where": "sped > 5"}})
        evaluate(unknown, *study.places, tmp_path / "out", None, None, ingested(study))
    assert not (tmp_path / "out").exists()
