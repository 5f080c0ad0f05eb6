"""Do the latents predict target units that they were never fitted to? Co-smoothing, also from few trials.

Pei et al. 2021 (Neural Latents Benchmark): a third of the target units is held out of the translator's fit; afterwards
a Poisson read-out of them, log rate(t) = b + W z(t), is fitted on training windows and scored on the test block. Where
the latents hold what the regions share, few trials suffice; a regression on the source itself, on the same windows,
needs many. There are two of those: a ridge, and a Poisson regression, log-linear like the read-out, so that the
likelihood is not what makes the difference.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge import models
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig
from spikebridge.latent_analysis.refit import Refits, with_units
from spikebridge.regression import fit_poisson
from spikebridge.types import Windows

Array = NDArray[np.float64]
SHARE = 1 / 3
N_TRIALS = (10, 30, 100)
PENALTIES = (0.1, 1.0, 10.0)  # of the read-out, relative to the variance of the latents in windows of 10 trials
DIRECT = {"source": "ridge", "source_poisson": "poisson_glm"}
"""Regressions on the source: what the table calls them, and the model."""
DIRECT_PENALTIES = (0.1, 1.0, 10.0)
SMOOTHING_S = 0.1
PSEUDO_SPIKE = 0.5
MAX_LOG_GAIN = 5.0
"""Of a log rate over that of the unit's mean rate: a read-out of few trials may not predict more."""


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """held_out_units: a row a read-out, number of trials and test block.

    readout: latents, source (direct ridge) or source_poisson (direct Poisson regression). n_trials: asked for, 0 for
    all windows there are. Sums over the block: nats, spikes. The base is the held-out units' mean over all training
    windows, however few the read-out sees.
    """
    fitted = refits.fit("held-out units", lambda w: with_units(w, target=~held_out(refits, w)))
    parts = []
    for train, test in refits.scored():
        kept = ~held_out(refits, train)
        latents = [fitted.predict(with_units(w, target=kept)).latents for w in (train, test)]
        train, test = (with_units(w, target=~kept) for w in (train, test))
        base = train.target.mean(axis=(0, 1))
        order = refits.rng("few trials", train.recording).permutation(np.flatnonzero(train.in_trial))
        for n in (*[n for n in N_TRIALS if n <= len(order)], 0):
            rows = np.sort(order[:n]) if n else np.arange(len(train))
            some, z = train.select(rows), np.asarray(latents[0], dtype=np.float64)[rows]
            rates = {"latents": _from_latents(z, some.target, np.asarray(latents[1], dtype=np.float64))}
            for name, model in DIRECT.items():
                rates[name] = predict_from_source(model, some, test, refits.rng("ridge", train.recording))
            parts += [
                refits.information_rows(test, r, base).assign(readout=name, n_trials=n) for name, r in rates.items()
            ]
    columns = ["recording", "fold", "block", "readout", "n_trials"]
    table = pd.concat(parts, ignore_index=True).groupby(columns, as_index=False)[["nats", "spikes"]].sum()
    return {"held_out_units": table}


def held_out(refits: Refits, w: Windows) -> NDArray[np.bool_]:
    """(target unit,), the random third of a recording's units that the translator never sees."""
    n = w.target.shape[2]
    is_held_out = np.zeros(n, dtype=np.bool_)
    is_held_out[refits.rng("held-out units", w.recording).permutation(n)[: max(1, round(SHARE * n))]] = n > 1
    return is_held_out


def _from_latents(z: Array, counts: NDArray[np.generic], at: Array) -> Array:
    """Rates (window, bin, unit) at other latents. The penalty is the one that predicts the last quarter best."""
    cut = max(1, round(0.75 * len(z)))
    losses = [_loss(poisson_readout(z[:cut], counts[:cut], z[cut:], p), counts[cut:]) for p in PENALTIES]
    return poisson_readout(z, counts, at, PENALTIES[int(np.argmin(losses))])


def poisson_readout(z: Array, counts: NDArray[np.generic], at: Array, penalty: float) -> Array:
    """Rates at other latents from z (window, bin, latent), counts (window, bin, unit). Silent units: half a spike."""
    units = counts.shape[2]
    x, y = z.reshape(-1, z.shape[2]), counts.reshape(-1, units).astype(np.float64)
    mean, scale = x.mean(axis=0), max(float(x.std()), 1e-9)
    rates = np.full((*at.shape[:2], units), PSEUDO_SPIKE / len(x))
    fires = y.any(axis=0)
    if fires.any():
        # the penalty weighs like that share of ten trials' worth of an average unit's curvature
        level = float(y[:, fires].mean())
        strength = penalty * level * min(1.0, 10 * z.shape[1] / len(x)) / 10
        fit = fit_poisson((x - mean) / scale, y[:, fires], np.zeros((len(y), int(fires.sum()))), strength)
        eta = fit.log_rate((at.reshape(-1, z.shape[2]) - mean) / scale, np.zeros((1, 0, 1)), np.zeros(1))
        eta = np.minimum(eta, np.log(y[:, fires].mean(axis=0)) + MAX_LOG_GAIN)
        rates[:, :, fires] = np.exp(eta).reshape(*at.shape[:2], -1)
    return rates


def predict_from_source(name: str, some: Windows, test: Windows, rng: np.random.Generator) -> Array:
    """A direct regression, without PSTH and drift like the read-out; its penalty is chosen as the read-out's is."""
    no_terms = Baselines(BaselineConfig(psth=False, drift=False))

    def fitted(w: Windows, at: Windows, penalty: float) -> Array:
        model = models.create(name, {"penalty": penalty, "smoothing_s": SMOOTHING_S}, baselines=no_terms)
        model.fit([w], [], rng)
        return np.asarray(model.predict(at).rates, dtype=np.float64)

    cut = max(1, round(0.75 * len(some)))
    early, late = some.select(np.arange(cut)), some.select(np.arange(cut, len(some)))
    losses = [_loss(fitted(early, late, p), late.target) for p in DIRECT_PENALTIES]
    return fitted(some, test, DIRECT_PENALTIES[int(np.argmin(losses))])


def _loss(rates: Array, counts: NDArray[np.generic]) -> float:
    """Negative Poisson log likelihood up to a constant, nats."""
    rates = np.maximum(rates, 1e-6)
    return float((rates - counts.astype(np.float64) * np.log(rates)).sum())
