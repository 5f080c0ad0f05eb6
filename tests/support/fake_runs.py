"""What preprocess, split and train would leave behind, with effects of known size: an oracle for evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.held_out_rates import BASELINE, HeldOutRates, write_held_out_rates
from spikebridge.artifacts.latents import FoldLatents, write_latents
from spikebridge.artifacts.out_of_fold import Rates
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.training import TrainingIntervals, TrainingRun
from spikebridge.artifacts.trial_tables import prediction_rows, translation_rows
from spikebridge.artifacts.truth import RegionTruth, Truth, save_truth
from spikebridge.artifacts.windows import save_quality, save_report, save_windows
from spikebridge.config import Config, parse
from spikebridge.metrics import information
from spikebridge.splits import make_splits, select_windows, training_intervals
from spikebridge.types import Splits, Windows

LATENTS = ("position", "deliberation", "arousal")
SPACING_S = 8.0


@dataclass(frozen=True)
class Plan:
    """What the models of a fake study can do.

    decode: model -> strength of its evidence for the true class, in units of the noise; 0 knows nothing.
    translate: model -> gain of its log rates, 1 is the truth. label_information: latents' share in the labels.
    """

    recordings: int = 6
    trials: int = 50
    folds: int = 5
    n_bins: int = 16
    bin_s: float = 0.125
    units: tuple[int, int] = (14, 10)
    lag_bins: int = 1
    classes: tuple[str, ...] = ("skip", "stay")
    decode: Mapping[str, float] = field(
        default_factory=lambda: {"seq2seq": 1.6, "random_forest": 0.8, "dnn": 0.8, "majority": 0.0}
    )
    translate: Mapping[str, float] = field(default_factory=lambda: {"seq2seq": 0.9, "ridge": 0.5})
    truth: bool = True
    seed: int = 1
    resamples: int = 500
    base_rate: float = 0.6
    cluster: str = "auto"
    animal: str = "rat"


@dataclass(frozen=True)
class Study:
    """Where a fake study lies."""

    root: Path
    config: Config
    windows: list[Windows]
    splits: Splits
    rates: Mapping[str, np.ndarray]

    @property
    def places(self) -> tuple[Path, Path, Path, Path]:
        """windows folder, split manifest, train folder, data path."""
        return self.root / "windows", self.root / "splits.json", self.root / "train", self.root / "data"

    def run(self, model: str) -> TrainingRun:
        return TrainingRun(self.root / "train" / model)


def make_study(root: Path, plan: Plan | None = None) -> Study:
    """Write a whole study under root."""
    plan = plan or Plan()
    rng = np.random.default_rng(plan.seed)
    made = [_recording(root, plan, f"{plan.animal}{k % 2 + 1}_day{k // 2 + 1}", rng) for k in range(plan.recordings)]
    windows = sorted((w for w, _, _ in made), key=lambda w: w.recording)
    rates = {w.recording: r for w, r, _ in made}
    latents = {w.recording: z for w, _, z in made}
    (root / "windows").mkdir(parents=True)
    for w in windows:
        save_windows(w, root / "windows")
        save_quality(_quality(w, np.random.default_rng(plan.seed)), root / "windows", w.recording)
    limits = {"rate_hz": [0.1, None], "isi_violations_ratio": [None, 0.5], "presence_ratio": [0.9, None]}
    report = {
        "recordings": {
            w.recording: {"animal": w.recording.split("_")[0], "quality": {"limits": limits}} for w in windows
        }
    }
    save_report(report, root / "windows")
    config = _config(plan)
    splits = make_splits(windows, config.split)
    save_splits(splits, root / "splits.json")
    study = Study(root, config, windows, splits, rates)
    for name in config.models:
        study.run(name).folder.mkdir(parents=True)
        run = study.run(name)
        run.write_training_intervals(learned(study))
        run.write_fit({"model": name, "split_hash": study.splits.hash})
        run.write_history(_history(study, name, rng))
        if name in plan.decode:
            run.write_predictions(list(_predictions(study, plan, name, rng)), splits.hash)
        if name in plan.translate:
            _translation(study, plan, name)
        if name == "seq2seq":
            _latents(study, latents, rng)
    return study


def _config(plan: Plan) -> Config:
    raw: dict[str, Any] = {
        "seed": plan.seed,
        "data": {"path": "data", "source": ["HC"], "target": ["PFC"]},
        "trials": {"window_s": [-plan.n_bins * plan.bin_s, 0.0]},
        "bins": {"width_s": plan.bin_s},
        "split": {"n_outer_folds": plan.folds, "gap_s": 1.0},
        "models": {name: {} for name in dict.fromkeys([*plan.decode, *plan.translate])},
        "statistics": {"n_resamples": plan.resamples, "cluster": plan.cluster},
    }
    return parse(raw)


def _recording(root: Path, plan: Plan, name: str, rng: np.random.Generator) -> tuple[Windows, np.ndarray, np.ndarray]:
    """Windows, the target's true rates (window, bin, unit), and the latents behind them (window, bin, latent)."""
    n = plan.trials + int(rng.integers(0, 6))
    step = plan.bin_s / 5
    time = np.arange(0, (n + 1) * SPACING_S, step)
    label = rng.integers(0, len(plan.classes), n)
    shared = np.stack([_smooth(rng, len(time), tau / step) for tau in (1.5, 0.3, 2.0)], axis=1)
    decision = (np.arange(n) + 1) * SPACING_S
    for at, k in zip(decision, label, strict=True):  # deliberation ramps towards the choice
        side = 2 * k / (len(plan.classes) - 1) - 1
        shared[:, 1] += 1.5 * side * np.clip(1 - (at - time) / 1.5, 0, 1) * (time <= at)
    start = decision - plan.n_bins * plan.bin_s
    between = start - 3.0
    starts = np.sort(np.concatenate([start, between]))
    is_trial = np.isin(starts, start)
    at = starts[:, None] + (np.arange(plan.n_bins) + 0.5) * plan.bin_s
    lag = plan.lag_bins * plan.bin_s
    now = np.stack([np.interp(at, time, v) for v in shared.T], axis=-1)
    before = np.stack([np.interp(at - lag, time, v) for v in shared.T], axis=-1)
    loadings = [rng.normal(0, 0.6, (len(LATENTS), k)) for k in plan.units]
    source = plan.base_rate * np.exp(now @ loadings[0])
    target = plan.base_rate * np.exp(before @ loadings[1])
    trial = np.full(len(starts), -1)
    trial[is_trial] = np.arange(n)
    labels = np.full(len(starts), -1)
    labels[is_trial] = label
    decisions = np.full(len(starts), np.nan)
    decisions[is_trial] = decision
    windows = Windows(
        name,
        rng.poisson(source).astype(np.uint8),
        rng.poisson(target).astype(np.uint8),
        starts,
        plan.bin_s,
        trial,
        labels,
        decisions,
        plan.classes,
        np.arange(plan.units[0]),
        100 + np.arange(plan.units[1]),
    )
    if plan.truth:
        truth = Truth(
            time_s=time,
            shared=shared,
            private=shared[:, :1],
            lag_s=lag,
            dimension=len(LATENTS),
            source=RegionTruth("HC", windows.source_units, loadings[0].T),
            target=RegionTruth("PFC", windows.target_units, loadings[1].T),
            names=LATENTS,
        )
        save_truth(truth, root / "data", name)
    return windows, target, before


def _quality(w: Windows, rng: np.random.Generator) -> pd.DataFrame:
    """Measures of units that were kept, and of as many that were dropped for their ISI violations."""
    n = len(w.source_units) + len(w.target_units)
    role = np.repeat(["source", "target"], [len(w.source_units), len(w.target_units)])
    good = pd.DataFrame(
        {
            "unit": np.concatenate([w.source_units, w.target_units]),
            "name": "",
            "region": np.where(role == "source", "HC", "PFC"),
            "role": role,
            "n_spikes": 1000,
            "rate_hz": rng.lognormal(1, 0.7, n),
            "isi_violations_ratio": rng.choice([0.0, 0.01, 0.2], n),
            "isi_violations_count": 0.0,
            "presence_ratio": rng.uniform(0.9, 1.0, n),
            "amplitude_cutoff": np.nan,
            "sorter_label": "",
            "rate_change": rng.lognormal(0, 0.5, n),
            "kept": True,
            "criterion": "",
            "reason": "",
            "reasons": "",
            "not_judged": "quality.sorter_labels; quality.max_amplitude_cutoff",
        }
    )
    bad = good.assign(unit=good["unit"] + 1000, isi_violations_ratio=rng.uniform(0.6, 2, n), kept=False)
    above = "ISI violations ratio above 0.5"
    bad = bad.assign(criterion="quality.max_isi_violations", reason=above, reasons=above)
    return pd.concat([good, bad])


def _smooth(rng: np.random.Generator, n: int, tau: float) -> np.ndarray:
    kernel = np.exp(-0.5 * (np.arange(-4 * tau, 4 * tau + 1) / tau) ** 2)
    x = np.convolve(rng.normal(size=n + len(kernel) - 1), kernel, mode="valid")
    return x / x.std()


def learned(study: Study) -> TrainingIntervals:
    """The time that every fold's fit learned from, where it learns from all training windows."""
    folds = {f.fold: training_intervals(select_windows(study.windows, f.train)) for f in study.splits.folds}
    return TrainingIntervals(study.splits.hash, folds)


def _history(study: Study, name: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for fold in [*range(len(study.splits.folds)), "full"] if name in ("seq2seq", "dnn") else []:
        for epoch in range(int(rng.integers(20, 30))):
            fall = np.exp(-epoch / 6)
            train, valid = rng.normal([0.5 + 0.4 * fall, 0.56 + 0.35 * fall + 0.002 * epoch], 0.01)
            row = {"fold": fold, "epoch": epoch, "train_loss": train}
            yield row | {"valid_loss": valid} if name == "seq2seq" else row  # dnn does not stop early


def held_out(study: Study) -> list[tuple[int, Windows, np.ndarray]]:
    """fold, windows of one recording, numbers of its test windows."""
    by_name = {w.recording: w for w in study.windows}
    return [(f.fold, by_name[r], index) for f in study.splits.folds for r, index in f.test.items()]


def _predictions(study: Study, plan: Plan, name: str, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    for fold, w, index in held_out(study):
        label, k = w.label[index], len(plan.classes)
        evidence = rng.normal(size=(len(index), k)) + plan.decode[name] * np.eye(k)[label]
        p = np.exp(1.5 * evidence) / np.exp(1.5 * evidence).sum(axis=1, keepdims=True)
        if name == "majority":
            train = w.label[study.splits.folds[fold].train[w.recording]]
            p = np.tile(np.bincount(train[train >= 0], minlength=k) / (train >= 0).sum(), (len(index), 1))
        yield prediction_rows(w.select(index), fold, p, p.argmax(axis=1))


def _translation(study: Study, plan: Plan, name: str) -> None:
    tables, rates, baselines = [], [], []
    for fold, w, index in held_out(study):
        base = w.target[study.splits.folds[fold].train[w.recording]].mean(axis=(0, 1))
        true = study.rates[w.recording][index]
        guess = (base * (true / true.mean(axis=(0, 1))) ** plan.translate[name]).astype(np.float32)
        tables.append(translation_rows(w.select(index), fold, *information(guess, w.target[index], base), 0.0))
        rates.append(Rates(w.recording, w.trial[index], guess))
        mean = np.broadcast_to(base, guess.shape).astype(np.float32)
        baselines.append(HeldOutRates(w.recording, w.trial[index], {BASELINE: mean}))
    study.run(name).write_translation(tables, study.splits.hash)
    study.run(name).write_rates(rates)
    write_held_out_rates(study.run(name).folder, baselines)


def _latents(study: Study, latents: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
    folds: dict[int, dict[str, FoldLatents]] = {}
    for f in study.splits.folds:
        turn = rng.normal(size=(len(LATENTS), 4 + f.fold % 2))  # folds may have tuned different numbers of latents
        folds[f.fold] = {}
        for w in study.windows:
            test = np.isin(np.arange(len(w)), f.test[w.recording])
            train = np.isin(np.arange(len(w)), f.train[w.recording]) & w.labelled
            rows = np.flatnonzero(test | train)
            z = latents[w.recording][rows] @ turn
            values = (z + rng.normal(0, 0.3, z.shape)).astype(np.float32)
            folds[f.fold][w.recording] = FoldLatents(w.trial[rows], test[rows], values)
    write_latents(study.run("seq2seq").latents, study.windows, folds, {})
