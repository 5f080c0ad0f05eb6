"""recovery.json: what the models and the counts say of the truth behind simulated recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.evaluation.inputs import FoldLatents, Inputs, Latents
from spikebridge.metrics import consistency, estimate_dimension, estimate_lag, latent_r2, truth_at
from spikebridge.types import Windows

Array = NDArray[np.float64]
MAX_LAG_S = 0.4


@dataclass(frozen=True)
class Truth:
    """What the simulation put in. time_s: (time,). shared: (time, latent), as the source carries it at that time."""

    time_s: Array
    shared: Array
    names: tuple[str, ...]
    lag_s: float
    dimension: int


def read_truth(data_path: Path, recordings: list[str]) -> dict[str, Truth]:
    """Truth of each recording from <data_path>/truth/<recording>.npz; empty where there is no such folder."""
    folder = data_path / "truth"
    if not folder.is_dir():
        return {}
    return {name: _read(folder / f"{name}.npz") for name in recordings if (folder / f"{name}.npz").is_file()}


def _read(path: Path) -> Truth:
    try:
        with np.load(path, allow_pickle=False) as z:
            names = tuple(str(n) for n in z["names"])
            return Truth(z["time_s"], z["shared"], names, float(z["lag_s"]), int(z["dimension"]))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as the truth of a simulated recording: {error}") from None


def recovery(inputs: Inputs, truths: Mapping[str, Truth], coupling: Mapping[str, Any]) -> dict[str, Any]:
    """Latent R2 of every model with latents, and lag and dimension from the counts, against the truth.

    coupling: from `coupling_of`, per recording. Lag error: estimate - truth, seconds.
    """
    models = {m: _latents(inputs, latents, truths) for m, latents in inputs.latents.items()}
    counts = {name: _against(found, truths[name]) for name, found in coupling.items() if name in truths}
    return {
        "models": models,
        "counts": {
            "recordings": counts,
            "lag_s": _median(counts, "lag_s"),
            "lag_error_s": _median(counts, "lag_error_s"),
            "dimension": _median(counts, "dimension"),
        },
        "truth": {
            "lag_s": _median({n: {"lag_s": t.lag_s} for n, t in truths.items()}, "lag_s"),
            "dimension": _median({n: {"dimension": t.dimension} for n, t in truths.items()}, "dimension"),
        },
    }


def coupling_of(inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Lag and dimension of every recording from its labelled windows' counts; empty where windows are too short."""
    return {name: _coupling(w.select(w.labelled)) for name, w in inputs.windows.items() if _long_enough(w)}


def coupling_tables(coupling: Mapping[str, Mapping[str, Any]], truths: Mapping[str, Truth]) -> dict[str, pd.DataFrame]:
    """lag: score (held-out R2) of each lag tried. dimension: score of each rank. true_*: NaN where not known."""
    nothing = Truth(np.empty(0), np.empty(0), (), float("nan"), 0)
    parts: dict[str, list[pd.DataFrame]] = {"lag": [], "dimension": []}
    for name, found in coupling.items():
        truth = truths.get(name, nothing)
        lags = pd.DataFrame({"lag_s": found["lags_s"], "score": found["lag_score"]})
        ranks = pd.DataFrame({"rank": found["ranks"], "score": found["rank_score"], "sem": found["rank_sem"]})
        parts["lag"].append(lags.assign(recording=name, estimate_s=found["lag_s"], true_s=truth.lag_s))
        true = float(truth.dimension) if truth.names else float("nan")
        parts["dimension"].append(ranks.assign(recording=name, estimate=found["dimension"], true=true))
    columns = {
        "lag": ["recording", "lag_s", "score", "estimate_s", "true_s"],
        "dimension": ["recording", "rank", "score", "sem", "estimate", "true"],
    }
    return {
        key: pd.concat(tables, ignore_index=True)[columns[key]] if tables else pd.DataFrame(columns=columns[key])
        for key, tables in parts.items()
    }


def _long_enough(w: Windows) -> bool:
    return w.n_bins - 2 * _steps(w) >= 2 and int(w.labelled.sum()) >= 4


def _steps(w: Windows) -> int:
    return max(1, min(round(MAX_LAG_S / w.bin_s), w.n_bins // 4))


def _coupling(w: Windows) -> dict[str, Any]:
    lag = estimate_lag(w.source, w.target, w.bin_s, _steps(w) * w.bin_s)
    bins = max(0, round(lag.lag_s / w.bin_s)) if np.isfinite(lag.lag_s) else 0
    found = estimate_dimension(w.source, w.target, bins)
    return {
        "lag_s": lag.lag_s,
        "lags_s": lag.lags_s,
        "lag_score": lag.score,
        "dimension": found.dimension,
        "ranks": np.arange(len(found.score)) + 1,
        "rank_score": found.score,
        "rank_sem": found.sem,
    }


def _against(found: Mapping[str, Any], truth: Truth) -> dict[str, Any]:
    return {
        "lag_s": found["lag_s"],
        "true_lag_s": truth.lag_s,
        "lag_error_s": found["lag_s"] - truth.lag_s,
        "dimension": found["dimension"],
        "true_dimension": truth.dimension,
    }


def _latents(inputs: Inputs, latents: Latents, truths: Mapping[str, Truth]) -> dict[str, Any]:
    per = {r: _r2(inputs.windows[r], latents[r], truth) for r, truth in truths.items() if r in latents}
    rows = pd.DataFrame(per).T if per else pd.DataFrame()
    means = {str(name): float(rows[name].mean()) for name in rows.columns}
    return {
        "recordings": {r: {"r2": each, "mean_r2": float(np.nanmean(list(each.values())))} for r, each in per.items()},
        "r2": means,
        "mean_r2": float(np.nanmean(list(means.values()))) if means else float("nan"),
    }


def _r2(w: Windows, folds: Mapping[int, FoldLatents], truth: Truth) -> dict[str, float]:
    """Held-out R2 of each shared latent. Bins hold the target's time: what the source carried was lag_s earlier."""
    triples = []
    for part in folds.values():
        at = w.start_s[rows_of(w, part.trial)][:, None] + (np.arange(part.latents.shape[1]) + 0.5) * w.bin_s
        true = truth_at(truth.time_s, truth.shared, at - truth.lag_s)
        inside = np.isfinite(true).all(axis=(1, 2))
        triples.append((part.latents[inside].astype(np.float64), true[inside], part.is_test[inside]))
    return {name: float(value) for name, value in zip(truth.names, latent_r2(triples), strict=True)}


def rows_of(w: Windows, trials: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the windows that belong to the given trials."""
    order = np.argsort(w.trial, kind="stable")
    return np.asarray(order[np.searchsorted(w.trial, trials, sorter=order)], dtype=np.int64)


def consistency_table(inputs: Inputs) -> pd.DataFrame:
    """How far the fits of different folds agree on the latents of the trials that they share. Needs no truth."""
    rows = [
        {"model": model, "recording": recording, "consistency_r2": consistency(_common(folds))}
        for model, latents in inputs.latents.items()
        for recording, folds in latents.items()
    ]
    return pd.DataFrame(rows, columns=["model", "recording", "consistency_r2"])


def _common(folds: Mapping[int, FoldLatents]) -> list[Array]:
    shared = sorted(set.intersection(*(set(f.trial.tolist()) for f in folds.values())))
    place = [{int(t): k for k, t in enumerate(f.trial)} for f in folds.values()]
    return [f.latents[[at[t] for t in shared]].astype(np.float64) for f, at in zip(folds.values(), place, strict=True)]


def _median(entries: Mapping[str, Mapping[str, Any]], key: str) -> float:
    values = [float(e[key]) for e in entries.values() if np.isfinite(e[key])]
    return float(np.median(values)) if values else float("nan")
