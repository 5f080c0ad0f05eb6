"""recovery.json: latents, lag and dimension against the truth of simulations, and the best possible translation.

The oracle predicts the target of a simulation from the true shared latents. The simulator's log rate is b + D z(t -
lag) + private + drift, all independent of each other: the expected rate given the shared latents z is c exp(D z(t -
lag)), with one constant c for each unit that averages over the private part. D is the truth; c is fitted to the
training mean of each fold, the reference of bits/spike. In a regime that is not linear, the transferred latents, a
known function of the latents and the state, take the place of z (spikebridge.simulate.regimes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.latents import FoldLatents, LatentsByFold
from spikebridge.artifacts.truth import Truth, load_truths
from spikebridge.evaluation.count_coupling import Coupling
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.metrics import LagEstimate, consistency, information, latent_r2, truth_at
from spikebridge.types import Windows

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
TIMES_PER_BIN = 5
"""Times within a bin at which the oracle takes the rate."""


@dataclass(frozen=True)
class TrueLatents:
    """The truth of a simulation in the direction in which the pipeline translates.

    time_s: (time,). shared: (time, latent), as the pipeline's source has it at that time. loadings: source unit -> norm
    of its weights of the shared latents in its log rate; empty where the file is older.
    """

    time_s: Floats
    shared: Floats
    names: tuple[str, ...]
    lag_s: float
    dimension: int
    loadings: Mapping[int, float]


def true_latents(data_path: Path, recordings: list[str], target: Sequence[str] = ()) -> dict[str, TrueLatents]:
    """What is true of each simulated recording; empty where recordings are not simulated.

    target: regions that are translated into. Where the simulation's source is among them, the pipeline runs in the
    reverse direction: its source follows its target by the lag.
    """
    return {name: _in_direction(truth, target) for name, truth in load_truths(data_path, recordings).items()}


def _in_direction(truth: Truth, target: Sequence[str]) -> TrueLatents:
    back = truth.source.region in target
    lag_s, source = (-truth.lag_s, truth.target) if back else (truth.lag_s, truth.source)
    time_s = truth.time_s + truth.lag_s if back else truth.time_s
    norms = np.linalg.norm(source.loadings, axis=1).tolist() if source.loadings is not None else []
    loadings = dict(zip(source.units.tolist(), norms, strict=False))
    return TrueLatents(time_s, truth.shared, truth.names, lag_s, truth.dimension, loadings)


def recovery(inputs: Inputs, truths: Mapping[str, TrueLatents], coupling: Coupling) -> dict[str, Any]:
    """Latent R2 of every model with latents, and lag and dimension from the counts, against the truth.

    Lag error: estimate - truth, seconds; the estimate over all recordings, and each recording's own. dimension: median
    of the recordings; pooled_dimension: of all together. lag_ci_low, lag_ci_high: 95 % interval of the lag, seconds.
    """
    true_lag_s = float(np.median([t.lag_s for t in truths.values()]))
    dimensions = [float(e.dimension) for name, e in coupling.dimensions.items() if name in truths]
    return {
        "models": {m: _latents(inputs, latents, truths) for m, latents in inputs.latents.items()},
        "counts": {
            **_lag(coupling.lag, true_lag_s),
            "dimension": float(np.median(dimensions)) if dimensions else float("nan"),
            "pooled_dimension": coupling.dimension.dimension,
            "recordings": {n: _recording_recovery(coupling, n, truths[n]) for n in coupling.lags if n in truths},
        },
        "truth": {"lag_s": true_lag_s, "dimension": float(np.median([t.dimension for t in truths.values()]))},
    }


def recovery_table(recovered: Mapping[str, Any]) -> pd.DataFrame:
    """The table of recovery.json: model, recording, latent, r2."""
    rows = [
        {"model": model, "recording": recording, "latent": latent, "r2": value}
        for model, scores in recovered["models"].items()
        for recording, per in scores["recordings"].items()
        for latent, value in per["r2"].items()
    ]
    return pd.DataFrame(rows, columns=["model", "recording", "latent", "r2"])


def _recording_recovery(coupling: Coupling, name: str, truth: TrueLatents) -> dict[str, Any]:
    return {
        **_lag(coupling.lags[name], truth.lag_s),
        "true_lag_s": truth.lag_s,
        "dimension": coupling.dimensions[name].dimension,
        "true_dimension": truth.dimension,
    }


def _lag(estimate: LagEstimate, true_s: float) -> dict[str, float]:
    return {
        "lag_s": estimate.lag_s,
        "lag_error_s": estimate.lag_s - true_s,
        "lag_ci_low": estimate.ci_low,
        "lag_ci_high": estimate.ci_high,
    }


def _latents(inputs: Inputs, latents: LatentsByFold, truths: Mapping[str, TrueLatents]) -> dict[str, Any]:
    per = {r: _r2(inputs.windows[r], latents[r], truth) for r, truth in truths.items() if r in latents}
    rows = pd.DataFrame(per).T if per else pd.DataFrame()
    means = {str(name): float(rows[name].mean()) for name in rows.columns}
    return {
        "recordings": {r: {"r2": each, "mean_r2": float(np.nanmean(list(each.values())))} for r, each in per.items()},
        "r2": means,
        "mean_r2": float(np.nanmean(list(means.values()))) if means else float("nan"),
    }


def _r2(w: Windows, folds: Mapping[int, FoldLatents], truth: TrueLatents) -> dict[str, float]:
    """Held-out R2 of each shared latent. Bins are at the target's time: the source had these latents lag_s earlier."""
    triples = []
    for part in folds.values():
        at = w.start_s[rows_of(w, part.trial)][:, None] + (np.arange(part.latents.shape[1]) + 0.5) * w.bin_s
        true = truth_at(truth.time_s, truth.shared, at - truth.lag_s)
        inside = np.isfinite(true).all(axis=(1, 2))
        triples.append((part.latents[inside].astype(np.float64), true[inside], part.held_out[inside]))
    return {name: float(value) for name, value in zip(truth.names, latent_r2(triples), strict=True)}


def consistency_table(inputs: Inputs) -> pd.DataFrame:
    """Agreement of the fits of different folds on the latents of their common trials. Needs no truth."""
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


def oracle(inputs: Inputs, data_path: Path, target: Sequence[str]) -> dict[str, Any]:
    """Held-out bits/spike of the oracle on the trials that are scored, pooled and per recording.

    source_bits_per_spike: the same over the baseline that all translators have; absent where there is none.
    data_path: raw recordings, with the truth. target: regions that are translated into. Recordings whose truth
    lacks loadings are left out; empty where none has them.
    """
    sums = {}
    known = _baseline_nats(inputs)
    for name, truth in load_truths(data_path, inputs.windows).items():
        w = inputs.windows[name]
        rates = _relative_rates(truth, w, target)
        if rates is not None:
            sums[name] = _information(inputs, name, w, rates, known)
    if not sums:
        return {}
    nats, spikes, of_baseline = np.sum(list(sums.values()), axis=0)
    per = {name: n / (s * np.log(2)) if s else float("nan") for name, (n, s, _) in sums.items()}
    from_source = {"source_bits_per_spike": (nats - of_baseline) / (spikes * np.log(2))} if len(known) else {}
    return {"bits_per_spike": nats / (spikes * np.log(2)), "recordings": per, **from_source}


def _baseline_nats(inputs: Inputs) -> pd.Series:
    """Nats of the baseline without the source, by recording and trial; empty where no translator has a known one."""
    for t in inputs.translations.values():
        if np.isfinite(t.from_source).all():
            return t.table.set_index(["recording", "trial"])["nats_without_source"]
    return pd.Series(dtype=np.float64)


def shares_of_oracle(truth: Mapping[str, Any], translation: Mapping[str, Any]) -> dict[str, float]:
    """model -> its bits/spike over the oracle's. translation: of metrics.json."""
    best = truth["bits_per_spike"]
    return (
        {model: scores["bits_per_spike"]["value"] / best for model, scores in translation.items()} if best > 0 else {}
    )


def _relative_rates(truth: Truth, w: Windows, target: Sequence[str]) -> Array | None:
    """(window, bin, target unit), exp(D z) averaged over each bin; NaN where a window leaves the simulated time."""
    back = truth.source.region in target
    region, lag_s = (truth.source, 0.0) if back else (truth.target, truth.lag_s)
    if truth.target.loadings is None or region.loadings is None:
        return None
    row = {int(u): k for k, u in enumerate(region.units)}
    loadings = region.loadings[[row[int(u)] for u in w.target_units]]
    followed = truth.shared if back or truth.transferred is None else truth.transferred
    time_s, shared = truth.time_s, followed.astype(np.float64)
    offsets = (np.arange(w.n_bins * TIMES_PER_BIN) + 0.5) / TIMES_PER_BIN * w.bin_s
    latents = truth_at(time_s, shared, w.start_s[:, None] + offsets - lag_s)
    rates = np.exp(latents @ loadings.T)
    return np.asarray(rates.reshape(len(w), w.n_bins, TIMES_PER_BIN, -1).mean(axis=2))


def _information(
    inputs: Inputs, name: str, w: Windows, relative: Array, known: pd.Series
) -> tuple[float, float, float]:
    """Nats, spikes, and the baseline's nats (NaN where it is not known) over the test trials of all folds."""
    nats = spikes = of_baseline = 0.0
    inside = np.asarray(np.isfinite(relative).all(axis=(1, 2)))
    for fold in inputs.splits.folds:
        test, train = fold.test.get(name, np.empty(0, int)), fold.spikes_known(name)
        test, fitted = test[inside[test]], train[inside[train]]
        if not len(test) or not len(fitted):
            continue
        constant = w.target[fitted].mean(axis=(0, 1)) / relative[fitted].mean(axis=(0, 1))
        trial_nats, counted = information(relative[test] * constant, w.target[test], w.target[train].mean(axis=(0, 1)))
        nats, spikes = nats + float(trial_nats.sum()), spikes + float(counted.sum())
        of_baseline += float(known.loc[name].reindex(w.trial[test]).sum(skipna=False)) if len(known) else np.nan
    return nats, spikes, of_baseline
