"""The encoding models on simulated targets: no gain without a link, a gain where there is one, nothing leaks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_latents import encoding_models, write_run
from made_windows import windows_of
from scipy.stats import spearmanr
from studies import small_config

from spikebridge.artifacts.latents import FoldLatents
from spikebridge.artifacts.nested_models import EncodingModels, NestedModelRun
from spikebridge.artifacts.training import TrainingRun
from spikebridge.errors import DataError
from spikebridge.metrics import information
from spikebridge.nested_models.encoding.models import MODELS, RecordingFit, fit_recording
from spikebridge.splits import check_training_intervals, make_splits
from spikebridge.statistics import sign_flip
from spikebridge.types import Splits, Windows

LINKED = tuple(s for s in MODELS if s != "behavior")
SEEDS = 10


def linked(seed: int, coupling: float, trials: int = 60, bins: int = 15) -> tuple[Windows, np.ndarray, np.ndarray]:
    """Windows of 10 source units that follow two slow latents and 6 target units that follow `coupling` times these,
    one bin later, and two slow latents of their own; the shared latents (window, bin, 2) and the target's loadings."""
    rng = np.random.default_rng(seed)

    def slow() -> np.ndarray:
        x = rng.normal(size=(trials, bins + 1, 2))
        for t in range(1, bins + 1):
            x[:, t] = 0.8 * x[:, t - 1] + 0.6 * x[:, t]
        return x

    shared, own = slow(), slow()
    loadings = rng.normal(0, 0.4, (2, 6))
    source = np.exp(0.2 + shared[:, 1:] @ rng.normal(0, 0.5, (2, 10)))
    target = np.exp(0.2 + coupling * shared[:, :-1] @ loadings + own[:, 1:] @ rng.normal(0, 0.4, (2, 6)))
    return windows_of(rng.poisson(source), rng.poisson(target)), shared[:, :-1], loadings


def splits_of(*windows: Windows) -> Splits:
    return make_splits(windows, small_config(split={"n_outer_folds": 3, "gap_s": 1.0}).split)


def overfitted(w: Windows, splits: Splits, fold: int, seed: int) -> np.ndarray:
    """Latents as of a translator that has learned its training trials by heart: what three directions of the source,
    wide and lagged, tell of the target by least squares over the trials that it trains on; (window, bin, 3)."""
    x = np.concatenate([np.roll(w.source, k, axis=1) for k in range(5)], axis=2).astype(float)
    x = np.concatenate([x, x**2], axis=2)
    rows = splits.folds[fold].inner[0].train[w.recording]
    y = w.target[rows] - w.target[rows].mean(axis=(0, 1))
    b = np.linalg.lstsq(x[rows].reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2]), rcond=None)[0]
    return np.asarray(x @ b @ np.random.default_rng(seed).normal(size=(b.shape[1], 3)))


def gains(seed: int, coupling: float) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
    """Gain of linear_source and seq2seq over the history, bits/spike, over all folds; that of each unit; loadings."""
    w, _, loadings = linked(seed, coupling)
    splits = splits_of(w)
    units = []
    for fold in splits.folds:
        z = FoldLatents(w.trial, np.zeros(len(w), np.bool_), overfitted(w, splits, fold.fold, seed).astype(np.float32))
        units.append(fit_recording(RecordingFit(w, fold, LINKED, z, False), lambda row: None)[0]["units"])
    sums = pd.concat(units).groupby(["step", "unit"])[["nats", "spikes"]].sum().reset_index()
    nats, spikes = (sums.pivot(index="unit", columns="step", values=v) for v in ("nats", "spikes"))
    each = (nats["seq2seq"] - nats["target_history"]) / spikes["seq2seq"] / np.log(2)
    total, n = nats.sum(), spikes["seq2seq"].sum() * np.log(2)
    return {s: float((total[s] - total["target_history"]) / n) for s in LINKED}, each.to_numpy(), loadings


@pytest.mark.slow
def test_without_a_link_nothing_is_gained() -> None:
    """Not by a better tuned history, and not by latents that were fitted to the noise of their training trials."""
    gains_of_seeds = [gains(seed, 0.0)[0] for seed in range(SEEDS)]
    for step in ("linear_source", "seq2seq"):
        gained = np.array([f[step] for f in gains_of_seeds])
        test = sign_flip(gained, np.random.default_rng(0), "greater")
        assert test.p > 0.2, f"{step}: {gained.mean():.5f} bits/spike, p = {test.p:.3f}"
        assert -0.01 < gained.mean() < 0.001


def test_with_a_link_the_gain_is_of_the_units_that_are_linked() -> None:
    alike = []
    for seed in range(4):
        pooled, units, loadings = gains(seed, 1.5)
        assert pooled["linear_source"] > 0.02
        assert pooled["seq2seq"] > 0.02
        alike.append(spearmanr(units, np.linalg.norm(loadings, axis=0))[0])
    assert np.mean(alike) > 0.5


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Windows], Splits, Path, EncodingModels]:
    """Two recordings with behaviour, of which one is its latents, and a translator that knows them."""
    folder = tmp_path_factory.mktemp("train")
    windows, arrays = {}, {}
    for k, name in enumerate(("one", "two")):
        w, z, _ = linked(20 + k, 1.0, 36)
        windows[name] = replace(
            w, recording=name, behavior=z[:, :, :1].astype(np.float32), behavior_names=("speed",)
        )  # fmt: skip
        arrays[name] = z
    splits = splits_of(*windows.values())
    latents: dict[int, dict[str, FoldLatents]] = {f.fold: {} for f in splits.folds}
    for f in splits.folds:
        for name, w in windows.items():
            rows = np.concatenate([f.train[name], f.test[name]])
            values = arrays[name][rows].astype(np.float32)
            latents[f.fold][name] = FoldLatents(w.trial[rows], np.isin(rows, f.test[name]), values)
    write_run(folder, list(windows.values()), splits, latents)
    return windows, splits, folder, encoding_models(windows, splits, folder)


def test_every_trial_and_step_once(study: tuple[dict[str, Windows], Splits, Path, EncodingModels]) -> None:
    windows, splits, _, encoding = study
    assert encoding.missing == {}
    assert list(encoding.trials["step"].unique()) == list(MODELS)
    keys = encoding.trials.groupby("step")[["recording", "trial"]].apply(lambda t: sorted(map(tuple, t.to_numpy())))
    assert all(k == sorted((n, t) for n, w in windows.items() for t in w.trial) for k in keys)
    first = encoding.trials[encoding.trials["step"] == "mean_rate"]
    assert (first["nats"].abs() < 1e-6).all()
    spikes = first.set_index(["recording", "trial"])["spikes"]
    for name, w in windows.items():
        np.testing.assert_array_equal(spikes[name].sort_index(), w.target.sum(axis=(1, 2)))
    sums = [
        t.groupby(["step", "recording", "fold"])[["nats", "spikes"]].sum() for t in (encoding.trials, encoding.units)
    ]
    pd.testing.assert_frame_equal(*sums)
    told = encoding.trials.groupby("step")["nats"].sum()
    assert told["behavior"] > 0.01
    assert told["target_history"] > told["behavior"]
    assert told["seq2seq"] > told["target_history"]
    for step, folds in encoding.training_intervals.items():
        for fold, intervals in folds.items():
            assert check_training_intervals(splits, int(fold), intervals) == [], step


def test_the_course_of_a_trial_by_hand(study: tuple[dict[str, Windows], Splits, Path, EncodingModels]) -> None:
    """Where only the mean over labelled trials was added, its nats are those of that rate."""
    windows, splits, _, encoding = study
    fold, w = splits.folds[0], windows["one"]
    train, test = w.select(fold.train["one"]), w.select(fold.test["one"])
    base = train.target.mean(axis=(0, 1))
    nats = encoding.trials.query("recording == 'one' and fold == 0 and step == 'mean_rate'")["nats"].to_numpy()
    np.testing.assert_allclose(
        nats, information(np.broadcast_to(base, test.target.shape), test.target, base)[0], atol=1e-6
    )


def test_what_a_test_trial_holds_changes_no_fit(
    study: tuple[dict[str, Windows], Splits, Path, EncodingModels],
) -> None:
    """The last trial of a test block is changed: those before it in the block are told as before, by the same fits."""
    windows, splits, folder, encoding = study
    row = splits.folds[1].test["one"][-1]
    target = windows["one"].target.copy()
    target[row] = 40
    changed = {**windows, "one": replace(windows["one"], target=target)}
    again = encoding_models(changed, splits, folder)
    before, after = (x.trials.set_index(["recording", "trial", "step"]).sort_index() for x in (encoding, again))
    others = before.query("fold == 1 and not (recording == 'one' and trial == @row)").index
    pd.testing.assert_series_equal(before["nats"].loc[others], after["nats"].loc[others])
    elsewhere = before.query("fold == 0 and recording == 'one'").index
    assert (before["nats"].loc[elsewhere] - after["nats"].loc[elsewhere]).abs().max() > 1e-3


def test_what_is_left_out_says_why(
    study: tuple[dict[str, Windows], Splits, Path, EncodingModels], tmp_path: Path
) -> None:
    windows, splits, folder, _ = study
    still = {**windows, "two": replace(windows["two"], behavior_names=())}
    encoding = encoding_models(still, splits, tmp_path)
    assert encoding.missing == {
        "behavior": "no behaviour was recorded in two", "seq2seq": "seq2seq was not run"
    }  # fmt: skip
    assert set(encoding.trials["step"]) == set(MODELS) - {"behavior", "seq2seq"}
    run = NestedModelRun(tmp_path)
    run.write_encoding(encoding, "hash")
    assert {p.name for p in run.encoding.iterdir()} == {
        "about.json", "held_out_rates", "settings.csv", "trials.parquet", "units.parquet"
    }  # fmt: skip
    held_out = encoding_models(windows, replace(splits, by="recording"), folder)
    assert set(held_out.missing) == set(MODELS)
    assert held_out.trials.empty
    (tmp_path / "none").mkdir()
    NestedModelRun(tmp_path / "none").write_encoding(held_out, "hash")
    again, learned = NestedModelRun(tmp_path / "none").read_encoding()
    assert again.missing == held_out.missing and not again.fitted and not learned


def test_intervals_of_the_translator_are_asked_for(
    study: tuple[dict[str, Windows], Splits, Path, EncodingModels], tmp_path: Path
) -> None:
    windows, splits, folder, _ = study
    shutil.copytree(folder, tmp_path / "train")
    TrainingRun(tmp_path / "train" / "seq2seq").training_intervals.unlink()
    with pytest.raises(DataError, match="run the stage train@seq2seq"):
        encoding_models(windows, splits, tmp_path / "train")
