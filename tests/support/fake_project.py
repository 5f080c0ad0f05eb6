"""A project folder as the pipeline leaves it, made in a second: every file that tracking and gates read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import config, models
from spikebridge.artifacts.windows import save_windows
from spikebridge.config import Config
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.text.keys import safe_key
from spikebridge.types import Predictions, Windows

CLASSES = ("skip", "stay")
N_BINS, BIN_S = 8, 0.25
UNITS = {"rat1_day1": (5, 4), "rat1_day2": (7, 3), "rat2_day1": (7, 6)}
DECIDING = ("seq2seq", "random_forest", "dnn", "majority")
INNER = {"seq2seq": 0.7, "random_forest": 0.8, "dnn": 0.6, "majority": 0.5}
VERDICT = {"translates": True, "says": "the source adds 0.05 bits/spike"}
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
    (project / "data/windows").mkdir(parents=True)
    windows = [_windows(name, *sizes, trials, rng) for name, sizes in units.items()]
    for w in windows:
        save_windows(w, project / "data/windows")
    _json(project / "data/splits.json", {"hash": "split0"})
    for name in (*DECIDING, "ridge"):
        _tuned(project / "runs/tune" / name, name, 1.0 if name == best else INNER.get(name, 0.0), rng)
        _trained(project / "runs/train" / name, name, windows, rng)
    _evaluated(project / "reports/evaluation", gates, list(units))
    return project


def _windows(name: str, n_source: int, n_target: int, trials: int, rng: np.random.Generator) -> Windows:
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


def _tuned(folder: Path, name: str, inner: float, rng: np.random.Generator) -> None:
    decides = name != "ridge"
    scores = {
        "balanced_accuracy": inner if decides else None,
        "log_loss": 0.6 if decides else None,
        "bits_per_spike": None,
    }
    if not decides or name == "seq2seq":
        scores["bits_per_spike"] = 0.05
    fold: dict[str, Any] = {"params": {"width": 8}, "inner": scores, "n_trials": 3, "n_pruned": 1}
    tunable = name != "majority"
    folds = [{"fold": k, **fold} for k in range(2)]
    _json(folder / "best.json", {"model": name, "tunable": tunable, "folds": folds, "full": fold})
    rows = [
        {
            "fold": k,
            "number": n,
            "state": "PRUNED" if n else "COMPLETE",
            "value": rng.random(),
            "params_width": 2**n,
        }
        for k in (0, "full")
        for n in range(2 if tunable else 0)
    ]
    columns = ["fold", "number", "state", "value", "params_width"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "trials.csv", index=False)


def _trained(folder: Path, name: str, windows: list[Windows], rng: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    tables = []
    for w in windows:
        p = rng.dirichlet((1, 1), len(w))
        fold = 2 * np.arange(len(w)) // len(w)
        tables.append(
            pd.DataFrame(
                {
                    "recording": w.recording,
                    "trial": w.trial,
                    "fold": fold,
                    "block": [f"{w.recording}/{k}" for k in fold],
                    "time_s": w.decision_s,
                    "label": np.asarray(CLASSES)[w.label],
                    "predicted": np.asarray(CLASSES)[p.argmax(1)],
                    "p_skip": p[:, 0],
                    "p_stay": p[:, 1],
                    "split_hash": "split0",
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    if name != "ridge":
        table.to_parquet(folder / "predictions.parquet")
    if name in {"ridge", "seq2seq"}:
        kept = ["recording", "trial", "fold", "block", "time_s", "split_hash"]
        table[kept].assign(nats=1.0, spikes=10, nats_without_source=0.0).to_parquet(folder / "translation.parquet")
    fit = {"model": name, "params": {"0": {"width": 8}, "full": {"width": 16}}, "threads": 1, "device": "cpu"}
    _json(folder / "fit.json", {**fit, "split_hash": "split0", "data_hash": "data0"})
    pd.DataFrame(history(name), columns=["fold", "epoch", "train_loss", "valid_loss"]).to_csv(
        folder / "history.csv", index=False
    )
    _saved(folder / "model", name, windows)


def history(name: str) -> list[dict[str, Any]]:
    if name not in {"seq2seq", "dnn"}:
        return []
    return [
        {"fold": fold, "epoch": e, "train_loss": 1 / (e + 1), "valid_loss": 1.2 / (e + 1)}
        for fold in ("0", "1", "full")
        for e in range(6)
    ]


def _saved(folder: Path, name: str, windows: list[Windows]) -> None:
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
    _json(folder / "model.json", about)
    write_manifest(folder)


def _evaluated(folder: Path, gates: bool, recordings: Sequence[str] = tuple(UNITS)) -> None:
    figures = folder.with_name("figures")
    figures.mkdir(parents=True, exist_ok=True)
    (folder / "tables").mkdir(parents=True)
    for figure in ("forest", "confusion_seq2seq"):
        (figures / f"{figure}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "tables/confusion.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    scored = {m: {k: _estimate(0.5 + 0.01 * i) for k in METRICS} for i, m in enumerate(DECIDING)}
    content = {
        "models": {m: {**scores, "n_trials": 36} for m, scores in scored.items()},
        "translation": {
            m: {"bits_per_spike": _estimate(0.05), "per_recording": {}, "verdict": VERDICT}
            for m in ("seq2seq", "ridge")
        },
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
    _json(folder / "metrics.json", content)
    pairs = [(m, "majority") for m in DECIDING[:-1]]
    rows = [_comparison("above_majority", a, b, "primary", 0.01 if gates else 0.3) for a, b in pairs]
    rows += [_comparison("translation_from_source", m, "without_source", "primary", 0.01) for m in ("seq2seq", "ridge")]
    rows.append(_comparison("pairs", "seq2seq", "dnn", "descriptive", float("nan")))
    pd.DataFrame(rows).to_csv(folder / "comparisons.csv", index=False)
    nulls = [
        {
            "null": "linear_shift",
            "model": m,
            "metric": "balanced_accuracy",
            "observed": 0.6,
            "null_mean": 0.5,
            "p": 0.01,
            "smallest_attainable_p": 0.01,
        }
        | {"passed": gates, "role": role}
        for m in DECIDING[:-1]
        for role in ("primary", "descriptive")
    ]
    pd.DataFrame(nulls).to_csv(folder / "nulls.csv", index=False)
    _json(folder / "leakage.json", {"passed": True, "checks": ["a", "b"], "trials": 36, "models": [*DECIDING]})
    _json(folder / "recovery.json", {"r2": {"value": 0.8}, "lag_error_s": 0.01})
    for recording in recordings:
        (figures / f"quality_{safe_key(recording)}.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def _estimate(value: float) -> dict[str, float]:
    return {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1}


def _comparison(family: str, a: str, b: str, role: str, p: float) -> dict[str, Any]:
    return {
        "family": family,
        "model_a": a,
        "model_b": b,
        "metric": "balanced_accuracy_within_blocks",
        "test": "sign_flip",
        "estimate": 0.1,
        "ci_low": 0.0,
        "ci_high": 0.2,
        "p": p,
        "p_holm": p,
        "n": 36,
        "n_clusters": 6,
        "smallest_attainable_p": 1 / 64,
        "role": role,
        "verdict": f"{a} better" if p < 0.05 else "no difference shown",
    }


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


def _json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
