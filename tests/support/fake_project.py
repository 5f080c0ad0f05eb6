"""A project folder as the pipeline leaves it, made in a second: every file that tracking and gates read."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import config, models
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.artifacts.json_files import write_json
from spikebridge.artifacts.splits import SPLITS_FILE, save_splits
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.trial_tables import prediction_rows, translation_rows
from spikebridge.artifacts.tuning import TUNING_FOLDER, TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER, save_windows
from spikebridge.config import Config
from spikebridge.evaluation.nulls.rows import ModelNull
from spikebridge.models.parts.saved_files import MODEL_FILE, write_manifest
from spikebridge.statistics.nulls import NullResult
from spikebridge.types import Comparison, Difference, Partition, Predictions, Sample, Significance, Splits, Windows

CLASSES = ("skip", "stay")
N_BINS, BIN_S = 8, 0.25
UNITS = {"rat1_day1": (5, 4), "rat1_day2": (7, 3), "rat2_day1": (7, 6)}
DECIDING, TRANSLATING = ("seq2seq", "random_forest", "dnn", "majority"), ("seq2seq", "ridge")
SPLIT_HASH = "split0"
INNER = {"seq2seq": 0.7, "random_forest": 0.8, "dnn": 0.6, "majority": 0.5}
VERDICT = {"code": "translates", "text": "the source adds 0.05 bits/spike"}
NULL = NullResult(0.6, np.full(3, 0.5), p=0.01, smallest=0.01)
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A picture of one pixel."""
METRICS = ("balanced_accuracy", "balanced_accuracy_within_blocks", "accuracy", "auc", "log_loss", "brier")


def settings(**changes: Any) -> Config:
    raw: dict[str, Any] = {
        "data": {"path": "data/simulated", "source": ["HC"], "target": ["PFC"]},
        "bins": {"width_s": BIN_S},
        "models": {name: {} for name in ("seq2seq", "ridge", "random_forest", "dnn", "majority")},
        "split": {"n_outer_folds": 2},
    }
    return config.parse({**raw, **changes})


def make(
    project: Path,
    best: str = "random_forest",
    gates: bool = True,
    trials: int = 12,
    units: Mapping[str, tuple[int, int]] = UNITS,
) -> Path:
    """Write the whole project; `best` has the highest inner score, `gates` says whether evaluate was content.

    units: recording -> (source units, target units).
    """
    rng = np.random.default_rng(0)
    windows = [make_windows(name, *sizes, trials, rng) for name, sizes in units.items()]
    for w in windows:
        save_windows(w, project / WINDOWS_FOLDER)
    write_split_hash(project, SPLIT_HASH)
    for name in (*DECIDING, "ridge"):
        _tune(TuningRun(project / TUNING_FOLDER / name), name, 1.0 if name == best else INNER.get(name, 0.0), rng)
        _train(TrainingRun(project / TRAINING_FOLDER / name), name, windows, rng)
    write_evaluation(project, gates, units)
    _draw(FigureRun(project / FIGURES_FOLDER), units)
    return project


def write_split_hash(project: Path, split_hash: str) -> None:
    """A manifest without folds: tracking and gates read its hash alone."""
    no_folds = Splits(by="block", gap_s={}, folds=(), full=Partition({}, {}), hash=split_hash)
    save_splits(no_folds, project / SPLITS_FILE)


def make_windows(name: str, n_source: int, n_target: int, trials: int, rng: np.random.Generator) -> Windows:
    start = 10.0 * np.arange(trials)
    return Windows(
        recording=name,
        source=rng.poisson(0.5, (trials, N_BINS, n_source)).astype(np.uint8),
        target=rng.poisson(0.5, (trials, N_BINS, n_target)).astype(np.uint8),
        start_s=start,
        bin_s=BIN_S,
        trial=np.arange(trials),
        label=np.arange(trials) % 2,
        decision_s=start + N_BINS * BIN_S,
        classes=CLASSES,
        source_units=np.arange(n_source) + 100,
        target_units=np.arange(n_target) + 500,
    )


def _tune(run: TuningRun, name: str, inner: float, rng: np.random.Generator) -> None:
    scores: dict[str, float | None] = {
        "balanced_accuracy": inner if name in DECIDING else None,
        "log_loss": 0.6 if name in DECIDING else None,
        "bits_per_spike": 0.05 if name in TRANSLATING else None,
    }
    *folds, full = (TunedFold(k, {"width": 8}, scores, n_trials=3, n_pruned=1) for k in (0, 1, "full"))
    tunable = name != "majority"
    run.write_settings(TunedSettings(name, folds, full, tunable, SPLIT_HASH))
    run.write_trials(
        {"fold": k, "number": n, "state": state, "value": rng.random(), "params_width": 2**n}
        for k in (0, "full")
        for n, state in enumerate(["COMPLETE", "PRUNED"][: 2 if tunable else 1])
    )


def _train(run: TrainingRun, name: str, windows: list[Windows], rng: np.random.Generator) -> None:
    run.folder.mkdir(parents=True)
    decisions, translations = [], []
    for w, fold in ((w, fold) for w in windows for fold in range(2)):
        test = w.select(np.flatnonzero(2 * np.arange(len(w)) // len(w) == fold))
        p = rng.dirichlet((1, 1), len(test))
        decisions.append(prediction_rows(test, fold, p, p.argmax(axis=1)))
        translations.append(translation_rows(test, fold, np.ones(len(test)), np.full(len(test), 10.0), 0.0))
    if name in DECIDING:
        run.write_predictions(decisions, SPLIT_HASH)
    if name in TRANSLATING:
        run.write_translation(translations, SPLIT_HASH)
    params = {"0": {"width": 8}, "full": {"width": 16}}
    run.write_fit({"model": name, "params": params, "threads": 1, "device": "cpu", "split_hash": SPLIT_HASH})
    run.write_history(history(name))
    _save_model(run.model, name, windows)


def history(name: str) -> list[dict[str, Any]]:
    if name not in {"seq2seq", "dnn"}:
        return []
    return [
        {"fold": fold, "epoch": e, "train_loss": 1 / (e + 1), "valid_loss": 1.2 / (e + 1)}
        for fold in ("0", "1", "full")
        for e in range(6)
    ]


def _save_model(folder: Path, name: str, windows: list[Windows]) -> None:
    if name in {"random_forest", "majority"}:
        small = {"n_estimators": 5} if name == "random_forest" else {}
        model = models.create(name, small)
        model.fit(windows, [], np.random.default_rng(0))
        model.save(folder)
        return
    units = {
        w.recording: {"source_units": w.source_units.tolist(), "target_units": w.target_units.tolist()} for w in windows
    }
    about = {
        "model": name,
        "classes": list(CLASSES),
        "bin_s": BIN_S,
        "n_bins": N_BINS,
        "recordings": units,
        "class_shares": {w.recording: [0.5, 0.5] for w in windows},
        "params": {},
    }
    folder.mkdir()
    write_json(folder / MODEL_FILE, about)
    write_manifest(folder)


def write_evaluation(project: Path, gates: bool = True, recordings: Iterable[str] = tuple(UNITS)) -> None:
    """What evaluate writes; `gates` says whether the tests and nulls pass."""
    run = EvaluationRun(project / EVALUATION_FOLDER)
    run.folder.mkdir(parents=True, exist_ok=True)
    scored = {m: {k: _estimate(0.5 + 0.01 * i) for k in METRICS} for i, m in enumerate(DECIDING)}
    translation = {"bits_per_spike": _estimate(0.05), "verdict": VERDICT}
    translation["per_recording"] = {name: _estimate(0.05) for name in recordings}
    run.write_metrics(
        {
            "models": {m: {**scores, "n_trials": 36} for m, scores in scored.items()},
            "translation": dict.fromkeys(TRANSLATING, translation),
            "no_information_rate": {"value": 0.5},
            "cluster": "block",
            "n_clusters": 6,
            "n_recordings": 3,
            "communication_gain": {
                **_estimate(0.01),
                "n_units_above_zero": 3,
                "n_units": 9,
                "per_recording": dict.fromkeys(recordings, 0.01),
            },
        }
    )
    p = 0.01 if gates else 0.3
    run.write_comparisons(
        [
            *(comparison("above_majority", m, "majority", p=p) for m in DECIDING[:-1]),
            *(comparison("translation_from_source", m, "without_source") for m in TRANSLATING),
            comparison("pairs", "seq2seq", "dnn", role="descriptive", p=float("nan")),
        ]
    )
    run.write_nulls(
        pd.DataFrame(
            [
                ModelNull("linear_shift", m, "balanced_accuracy", NULL, role == "primary", "").row(0.05 if gates else 0)
                for m in DECIDING[:-1]
                for role in ("primary", "descriptive")
            ]
        )
    )
    run.write_leakage({"passed": True, "checks": ["a", "b"], "trials": 36, "models": [*DECIDING]})
    run.write_recovery({"r2": {"value": 0.8}, "lag_error_s": 0.01})
    run.write_tables({"confusion": pd.DataFrame({"a": [1], "b": [2]})})


def _draw(run: FigureRun, recordings: Iterable[str]) -> None:
    run.folder.mkdir(parents=True)
    for image in (run.image("forest"), run.image("confusion_seq2seq"), *(run.image("quality", r) for r in recordings)):
        image.write_bytes(base64.b64decode(DOT))


def _estimate(value: float) -> dict[str, float]:
    return {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}


def comparison(family: str, a: str, b: str, p: float = 0.01, role: str = "primary") -> Comparison:
    return Comparison(
        family,
        a,
        b,
        "balanced_accuracy_within_blocks",
        role,
        Sample(36, 6),
        Difference(0.1, 0.0, 0.2),
        Significance("sign_flip", p, 1 / 64, p, f"{a} better" if p < 0.05 else "no difference shown"),
    )


class FakeTranslator:
    """What models.load gives in place of a network: latents and rates that follow from the counts alone."""

    from_source = True

    def predict(self, windows: Windows) -> Predictions:
        share = (windows.source.sum(axis=(1, 2)) % 2).astype(float)
        rates = np.ones(windows.target.shape, np.float32)
        latents = np.zeros((*windows.target.shape[:2], 2), np.float32)
        return Predictions(np.stack([share, 1 - share], axis=1), rates, latents)

    def decide(self, probabilities: np.ndarray, recording: str) -> np.ndarray:
        return probabilities.argmax(axis=1)
