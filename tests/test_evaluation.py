"""evaluate against fake runs of known effects: right numbers, right verdicts, and no leak that passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, Study, make_study, write
from scipy import stats
from sklearn import metrics as oracle

from spikebridge.errors import ConfigError, DataError, LeakageError
from spikebridge.evaluation import evaluate
from spikebridge.evaluation.clusters import clusters_of
from spikebridge.metrics import balanced_accuracy, balanced_accuracy_within_blocks
from spikebridge.preprocess import load_splits, save_splits
from spikebridge.statistics import sign_flip

DECIDERS = ["seq2seq", "random_forest", "dnn", "majority"]


def run(study: Study, out: str = "out") -> Path:
    evaluate(study.config, *study.places, study.root / out)
    return study.root / out


def settings(study: Study, **changes: Any) -> Study:
    """The study with other keys in its section statistics."""
    config = study.config
    return replace(study, config=config.model_copy(update={"statistics": config.statistics.model_copy(update=changes)}))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def out(study: Study) -> Path:
    return run(study)


@pytest.fixture
def copy(study: Study, tmp_path: Path) -> Study:
    """A study to spoil."""
    shutil.copytree(study.root, tmp_path / "copy", ignore=shutil.ignore_patterns("out*"))
    return replace(study, root=tmp_path / "copy")


@pytest.fixture(scope="module")
def scores(out: Path) -> dict[str, Any]:
    content = json.loads((out / "metrics.json").read_text())
    assert isinstance(content, dict)
    return content


@pytest.fixture(scope="module")
def comparisons(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "comparisons.csv")


# --- metrics.json -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", DECIDERS)
def test_scores_are_scikit_learns_on_the_predictions(study: Study, scores: dict[str, Any], model: str) -> None:
    table = pd.read_parquet(study.model(model) / "predictions.parquet")
    p = table[["p_skip", "p_stay"]].to_numpy()
    found = scores["models"][model]
    expected = {
        "accuracy": oracle.accuracy_score(table["label"], table["predicted"]),
        "balanced_accuracy": oracle.balanced_accuracy_score(table["label"], table["predicted"]),
        "log_loss": oracle.log_loss(table["label"], p),
        "brier": oracle.brier_score_loss(table["label"], p[:, 1], pos_label="stay"),
        "auc": oracle.roc_auc_score(table["label"] == "stay", p[:, 1]),
    }
    for metric, value in expected.items():
        assert found[metric]["value"] == pytest.approx(value, rel=1e-9), metric
        assert found[metric]["ci_low"] <= value <= found[metric]["ci_high"]
    assert found["n_trials"] == len(table)


def test_bits_per_spike_is_the_ratio_of_sums(study: Study, scores: dict[str, Any]) -> None:
    table = pd.read_parquet(study.model("seq2seq") / "translation.parquet")
    found = scores["translation"]["seq2seq"]
    expected = table["nats"].sum() / (table["spikes"].sum() * np.log(2))
    assert found["bits_per_spike"]["value"] == pytest.approx(expected)
    assert set(found["per_recording"]) == {w.recording for w in study.windows}
    one = table[table["recording"] == "rat1_day1"]
    assert found["per_recording"]["rat1_day1"]["value"] == pytest.approx(
        one["nats"].sum() / (one["spikes"].sum() * np.log(2))
    )


def test_the_rest_of_metrics(scores: dict[str, Any]) -> None:
    assert scores["n_recordings"] == scores["n_clusters"] == 6
    assert scores["cluster"] == "recording"
    assert 0.5 <= scores["no_information_rate"]["value"] < 0.7


def test_twice_the_same_and_other_seeds_other_draws(study: Study, out: Path) -> None:
    again = run(study, "out_again")
    for path in (p for p in out.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(out)).read_bytes(), path.name
    other = replace(study, config=study.config.model_copy(update={"seed": 2}))
    assert (run(other, "out_seed") / "metrics.json").read_text() != (out / "metrics.json").read_text()


# --- comparisons.csv --------------------------------------------------------------------------------------------------


def test_known_effects_are_found(comparisons: pd.DataFrame) -> None:
    primary = comparisons[comparisons["role"] == "primary"].set_index(["family", "model_a", "model_b"])
    assert primary.loc[("above_majority", "seq2seq", "majority"), "verdict"] == "seq2seq better"
    assert primary.loc[("above_majority", "seq2seq", "majority"), "p_holm"] == pytest.approx(3 / 64)
    assert primary.loc[("seq2seq_against_competitors", "seq2seq", "dnn"), "verdict"] == "seq2seq better"
    assert primary.loc[("translation", "seq2seq", "ridge"), "p"] == 1 / 64
    assert primary.loc[("translation_above_mean_rate", "ridge", "mean_rate"), "verdict"] == "ridge better"
    assert (primary["n_clusters"] == 6).all()
    assert ((primary["ci_low"] < primary["estimate"]) & (primary["estimate"] < primary["ci_high"])).all()


def test_every_pair_is_described(comparisons: pd.DataFrame) -> None:
    described = comparisons[comparisons["role"] == "descriptive"]
    assert set(described["verdict"]) == {"descriptive"}
    assert described["p_holm"].isna().all()
    for test in ("mcnemar_exact", "mcnemar_mid_p"):
        rows = described[described["test"] == test]
        assert len(rows) == 6
        assert rows["p"].between(0, 1).all()
    bootstrap = described[described["test"] == "cluster_bootstrap"]
    assert set(bootstrap["metric"]) >= {"accuracy", "auc", "log_loss", "brier", "bits_per_spike"}


def test_differences_are_those_of_metrics(comparisons: pd.DataFrame, scores: dict[str, Any]) -> None:
    rows = comparisons[(comparisons["test"] == "cluster_bootstrap") & (comparisons["metric"] != "bits_per_spike")]
    for row in rows.to_dict("records"):
        a, b = (scores["models"][row[m]][row["metric"]]["value"] for m in ("model_a", "model_b"))
        assert row["estimate"] == pytest.approx(a - b)


def test_few_recordings_say_so(tmp_path: Path) -> None:
    small = make_study(tmp_path, Plan(recordings=3, trials=24, folds=3))
    table = pd.read_csv(run(settings(small, cluster="recording")) / "comparisons.csv")
    verdicts = table[table["family"] == "above_majority"]["verdict"]
    assert set(verdicts) == {"too few recordings to decide (needs 6)"}
    auto = json.loads((run(small, "auto") / "metrics.json").read_text())
    assert (auto["cluster"], auto["n_clusters"]) == ("block", 9)
    assert auto["models"]["majority"]["balanced_accuracy_within_blocks"]["value"] == 0.5


def test_animals_as_clusters(study: Study) -> None:
    found = json.loads((run(settings(study, cluster="animal"), "animal") / "metrics.json").read_text())
    assert (found["cluster"], found["n_clusters"]) == ("animal", 2)


def test_a_recording_without_animal_is_named() -> None:
    with pytest.raises(ConfigError, match="got none for \\['b'\\]"):
        clusters_of(pd.DataFrame({"recording": ["a", "b"]}), "animal", {"a": "rat"})


def test_uninformative_models_do_not_win(tmp_path: Path) -> None:
    nothing = dict.fromkeys(DECIDERS, 0.0)
    quiet = make_study(tmp_path, Plan(decode=nothing, translate={"seq2seq": 0.0, "ridge": 0.0}, seed=3))
    table = pd.read_csv(run(quiet) / "comparisons.csv")
    primary = table[table["role"] == "primary"]
    assert set(primary["verdict"]) == {"no difference shown"}
    nulls = pd.read_csv(quiet.root / "out" / "nulls.csv")
    assert not nulls[nulls["role"] == "primary"]["passed"].any()


def test_models_left_out_and_three_classes(tmp_path: Path) -> None:
    plan = Plan(
        recordings=2, trials=30, folds=3, classes=("left", "none", "right"), decode={"random_forest": 2.0, "mine": 0.0},
        translate={}, truth=False,
    )  # fmt: skip
    few = make_study(tmp_path, plan)
    found = run(few)
    content = json.loads((found / "metrics.json").read_text())
    table = pd.read_parquet(few.model("random_forest") / "predictions.parquet")
    p = table[["p_left", "p_none", "p_right"]].to_numpy()
    scored = content["models"]["random_forest"]
    assert scored["auc"]["value"] == pytest.approx(oracle.roc_auc_score(table["label"], p, multi_class="ovr"))
    assert scored["brier"]["value"] == pytest.approx(oracle.brier_score_loss(table["label"], p))
    rows = pd.read_csv(found / "comparisons.csv")
    assert set(rows["family"]) == {"pairs"}
    assert content["translation"] == {}
    assert not (found / "recovery.json").exists()


def test_a_study_of_translators_only(tmp_path: Path) -> None:
    only = make_study(tmp_path, Plan(recordings=2, trials=20, folds=2, decode={}, translate={"ridge": 0.8}))
    content = json.loads((run(only) / "metrics.json").read_text())
    assert content["models"] == {}
    assert content["translation"]["ridge"]["bits_per_spike"]["value"] > 0.1


# --- the primary test's level -----------------------------------------------------------------------------------------


def guesses(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels without information; a majority model and one that guesses at random in the training shares.

    Returns recording, block, label, majority's and the guesser's predictions, each (trial,).
    """
    rows = []
    for recording in range(6):
        label = (rng.random(50) < rng.uniform(0.45, 0.55)).astype(int)
        fold = np.repeat(np.arange(5), 10)
        for k in range(5):
            share = label[fold != k].mean()
            n = int((fold == k).sum())
            guess = (rng.random(n) < share).astype(int)
            rows.append(
                np.column_stack(
                    [
                        np.full(n, recording),
                        np.full(n, 5 * recording + k),
                        label[fold == k],
                        np.full(n, share > 0.5),
                        guess,
                    ]
                )
            )
    recording, block, label, majority, guess = np.concatenate(rows).astype(np.int64).T
    return recording, block, label, majority, guess


def test_primary_test_holds_its_level_where_the_pooled_score_does_not() -> None:
    rng = np.random.default_rng(0)
    studies = 300
    pooled_majority, rejected = [], {"within": 0, "pooled": 0}
    for _ in range(studies):
        recording, block, label, majority, guess = guesses(rng)
        within = [balanced_accuracy_within_blocks(label, p, block, 2).reshape(6, 5) for p in (guess, majority)]
        difference = np.nanmean(within[0] - within[1], axis=1)
        rejected["within"] += sign_flip(difference, rng).p <= 0.05
        each = [recording == r for r in range(6)]
        pooled = np.array([[balanced_accuracy(label[r], p[r]) for r in each] for p in (guess, majority)])
        pooled_majority.append(pooled[1].mean())
        rejected["pooled"] += sign_flip(pooled[0] - pooled[1], rng).p <= 0.05
    assert np.mean(pooled_majority) < 0.48  # an uninformative model below chance: the bias
    assert rejected["pooled"] / studies > 0.15  # ... by which noise "beats majority"
    assert stats.binomtest(rejected["within"], studies, 0.05, alternative="greater").pvalue > 0.01


# --- nulls, recovery, tables ------------------------------------------------------------------------------------------


def test_nulls(out: Path) -> None:
    nulls = pd.read_csv(out / "nulls.csv")
    primary = nulls[nulls["role"] == "primary"].set_index(["model", "null"])
    assert set(primary.index) == {
        ("seq2seq", "session_permutation"), ("random_forest", "session_permutation"), ("dnn", "session_permutation"),
        ("seq2seq", "trial_shuffle"), ("ridge", "trial_shuffle"),
    }  # fmt: skip
    assert primary["passed"].all()
    assert (primary["observed"] > primary["null_high"]).all()
    assert (nulls["p"] >= nulls["smallest_attainable_p"] - 1e-12).all()
    assert nulls["assumptions"].str.len().gt(0).all()


def test_linear_shift_steps_in_for_few_recordings(tmp_path: Path) -> None:
    few = make_study(tmp_path, Plan(recordings=2, trials=130, truth=False))
    nulls = pd.read_csv(run(few) / "nulls.csv")
    primary = nulls[(nulls["role"] == "primary") & (nulls["model"] == "seq2seq")]
    assert set(primary["null"]) == {"linear_shift", "trial_shuffle"}
    assert primary["passed"].all()


def test_recovery(out: Path) -> None:
    found = json.loads((out / "recovery.json").read_text())
    model = found["models"]["seq2seq"]
    assert model["mean_r2"] > 0.8
    assert set(model["r2"]) == {"position", "deliberation", "arousal"}
    assert len(model["recordings"]) == 6
    assert abs(found["counts"]["lag_error_s"]) < 0.05
    assert len(found["counts"]["recordings"]) == 6
    assert found["counts"]["dimension"] in (2, 3, 4)


def test_no_truth_no_recovery_but_the_same_scores(copy: Study, out: Path) -> None:
    shutil.rmtree(copy.root / "data")
    found = run(copy)
    assert not (found / "recovery.json").exists()
    assert (found / "metrics.json").read_bytes() == (out / "metrics.json").read_bytes()
    assert pd.read_csv(found / "tables" / "lag.csv")["true_s"].isna().all()


def test_latents_of_folds_meet_on_common_axes(out: Path) -> None:
    table = pd.read_csv(out / "tables" / "latents.csv")
    late = table[table["time_s"] > -0.2].groupby(["recording", "axis", "label"])["mean"].mean().unstack()
    gap = late["stay"] - late["skip"]
    assert gap["all", "decision"] > 1.0
    assert (gap.xs("decision", level="axis") > 0.5).all()  # from the first class to the last, in every recording
    assert gap.abs().groupby("recording").max().min() > 0.7  # unaligned folds would cancel out
    assert pd.read_csv(out / "tables" / "consistency.csv")["consistency_r2"].min() > 0.6


def test_rasters_show_counts_and_rates_as_they_are(study: Study, out: Path) -> None:
    table = pd.read_csv(out / "tables" / "raster.csv")
    about = table.iloc[0]
    w = next(w for w in study.windows if w.recording == about["recording"])
    window = int(np.flatnonzero(w.trial == about["trial"])[0])
    for panel, counts, units in (("source", w.source, w.source_units), ("target", w.target, w.target_units)):
        shown = table[table["panel"] == panel].pivot(index="unit", columns="time_s", values="value").loc[units]
        np.testing.assert_array_equal(shown.to_numpy(), counts[window].T)
    rates = table[table["panel"] == "predicted"].pivot(index="unit", columns="time_s", values="value")
    with np.load(study.model("seq2seq") / "rates.npz") as z:
        at = np.flatnonzero(z[f"{w.recording}|trial"] == about["trial"])[0]
        expected = z[f"{w.recording}|rates"][at].T / w.bin_s
    np.testing.assert_allclose(rates.loc[w.target_units].to_numpy(), expected, rtol=1e-6)


# --- leaks and broken files -------------------------------------------------------------------------------------------

Spoil = Callable[[Study], None]


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame], model: str = "dnn") -> Spoil:
    def spoil(study: Study) -> None:
        path = study.model(model) / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return spoil


def consumed(change: Callable[[dict[str, Any]], object]) -> Spoil:
    def spoil(study: Study) -> None:
        path = study.model("dnn") / "consumed.json"
        content = json.loads(path.read_text())
        change(content)
        write(path, content)

    return spoil


def touched_block(study: Study) -> None:
    stop = load_splits(study.places[1]).folds[2].test_intervals["rat1_day2"][0, 1]
    consumed(lambda c: c["folds"]["2"]["rat1_day2"].append([stop + 0.2, stop + 0.5]))(study)


def edited_manifest(study: Study) -> None:
    splits = load_splits(study.places[1])
    gaps = dict.fromkeys(splits.gap_s, 0.0)
    save_splits(replace(splits, gap_s=gaps), study.places[1])


def other_windows(study: Study) -> None:
    w = study.windows[0]
    replace(w, source=w.source[::-1]).save(study.root / "windows" / f"{w.recording}.npz")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (table("predictions", lambda t: t.assign(split_hash="0")), "dnn predictions: expected split hash"),
        (table("translation", lambda t: t.assign(split_hash="0"), "ridge"), "ridge translation: expected split hash"),
        (table("predictions", lambda t: t.iloc[1:]), r"fold 0, recording rat1_day1, trial 0: .*got none \(1 such"),
        (table("predictions", lambda t: pd.concat([t, t.iloc[:1]])), "trial 0: predicted more than once"),
        (table("predictions", lambda t: t.assign(fold=(t["fold"] + 1) % 5)), "predicted in a fold that trained on it"),
        (table("predictions", lambda t: t.assign(time_s=t["time_s"] + 1)), "another decision time"),
        (table("predictions", lambda t: t.assign(label=t["label"].iloc[::-1].to_numpy())), "another label"),
        (table("predictions", lambda t: t.assign(trial=t["trial"] + 1000)), "the manifest does not test it"),
        (consumed(lambda c: c.update(split_hash="0")), "dnn: consumed.json: expected split hash"),
        (consumed(lambda c: c["folds"].pop("3")), "dnn: fold 3: expected the time intervals"),
        (touched_block, r"dnn: fold 2: rat1_day2: consumed .* comes nearer than the gap"),
        (edited_manifest, "does not match its hash"),
        (other_windows, "rat1_day1: the windows are not those of the split manifest"),
    ],
)
def test_leaks_are_refused(copy: Study, spoil: Spoil, said: str) -> None:
    spoil(copy)
    with pytest.raises(LeakageError, match=said):
        run(copy)
    assert not (copy.root / "out").exists()


def test_windows_past_the_decision_are_refused(copy: Study) -> None:
    from spikebridge.evaluation import leakage
    from spikebridge.evaluation.inputs import read

    inputs = read(copy.config, *copy.places[:3])
    w = next(iter(inputs.windows.values()))
    late = replace(inputs, windows={**inputs.windows, w.recording: replace(w, decision_s=w.decision_s - 0.1)})
    assert any("decision windows reach past the decision" in line for line in leakage._windows(late))


def test_what_was_checked_is_written(out: Path) -> None:
    report = json.loads((out / "leakage.json").read_text())
    assert report["passed"] is True
    assert report["trials"] > 300
    assert len(report["checks"]) >= 6


def remove(name: str) -> Spoil:
    return lambda study: (study.model("dnn") / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove("consumed.json"), "run the stage train@dnn"),
        (lambda s: (s.model("dnn") / "consumed.json").write_text("{"), "cannot be read as JSON"),
        (table("predictions", lambda t: t.drop(columns="p_stay")), r"missing \['p_stay'\]"),
        (table("predictions", lambda t: t.assign(p_stay=2.0)), "expected probabilities that sum to one"),
        (table("predictions", lambda t: t.assign(predicted="maybe")), r"expected one of .* got \['maybe'\]"),
        (lambda s: (s.model("dnn") / "predictions.parquet").write_text("no"), "cannot be read as parquet"),
        (lambda s: (s.model("seq2seq") / "latents.npz").write_text("no"), "latents.npz: cannot be read"),
        (lambda s: (s.model("dnn") / "consumed.json").write_text("[]"), "expected a JSON object, got list"),
        (lambda s: (s.root / "data" / "truth" / "rat1_day1.npz").write_text("no"), "as the truth of a simulated"),
    ],
)
def test_broken_files_are_named(copy: Study, spoil: Spoil, said: str) -> None:
    spoil(copy)
    with pytest.raises(DataError, match=said):
        run(copy)
