"""The most that any translator could tell of a simulated target: rates given the true shared latents.

The simulator's log rate is b + D z(t - lag) + private + drift, all independent of each other: the expected rate given
the shared latents z is c exp(D z(t - lag)), with one constant c a unit that takes the mean over what is private. D is
the truth; c is fitted to the training mean of each fold, the reference that bits/spike is counted from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.evaluation.inputs import Inputs
from spikebridge.metrics import information, truth_at
from spikebridge.types import Windows

STEPS = 5  # times within a bin at which the rate is taken
Array = NDArray[np.float64]


def oracle(inputs: Inputs, data_path: Path, target: Sequence[str]) -> dict[str, Any]:
    """Held-out bits/spike of the oracle on the trials that are scored, pooled and per recording.

    data_path: raw recordings, with the folder `truth`. target: regions that are translated into. Recordings whose truth
    lacks loadings are left out; empty where none has them.
    """
    sums = {}
    for name, w in inputs.windows.items():
        path = data_path / "truth" / f"{name}.npz"
        found = _relative_rates(path, w, target) if path.is_file() else None
        if found is not None:
            sums[name] = _told(inputs, name, w, found)
    if not sums:
        return {}
    nats, spikes = np.sum(list(sums.values()), axis=0)
    per = {name: n / (s * np.log(2)) if s else float("nan") for name, (n, s) in sums.items()}
    return {"bits_per_spike": nats / (spikes * np.log(2)), "recordings": per}


def shares(truth: Mapping[str, Any], translation: Mapping[str, Any]) -> dict[str, float]:
    """model -> its bits/spike over the oracle's. translation: of metrics.json."""
    best = truth["bits_per_spike"]
    return (
        {model: scores["bits_per_spike"]["value"] / best for model, scores in translation.items()} if best > 0 else {}
    )


def _relative_rates(path: Path, w: Windows, target: Sequence[str]) -> Array | None:
    """(window, bin, target unit), exp(D z) averaged over each bin; NaN where a window leaves the simulated time."""
    with np.load(path, allow_pickle=False) as z:
        if "target_loadings" not in z.files:
            return None
        back = str(z["source_region"]) in target
        role, lag_s = ("source", 0.0) if back else ("target", float(z["lag_s"]))
        row = {int(u): k for k, u in enumerate(z[f"{role}_units"])}
        loadings = z[f"{role}_loadings"][[row[int(u)] for u in w.target_units]]
        time_s, shared = z["time_s"], z["shared"].astype(np.float64)
    offsets = (np.arange(w.n_bins * STEPS) + 0.5) / STEPS * w.bin_s
    latents = truth_at(time_s, shared, w.start_s[:, None] + offsets - lag_s)
    rates = np.exp(latents @ loadings.T)
    return np.asarray(rates.reshape(len(w), w.n_bins, STEPS, -1).mean(axis=2))


def _told(inputs: Inputs, name: str, w: Windows, relative: Array) -> tuple[float, float]:
    """Nats and spikes over the test trials of all folds."""
    nats = spikes = 0.0
    inside = np.asarray(np.isfinite(relative).all(axis=(1, 2)))
    for fold in inputs.splits.folds:
        test, train = fold.test.get(name, np.empty(0, int)), fold.train.get(name, np.empty(0, int))
        test, fitted = test[inside[test]], train[inside[train]]
        if not len(test) or not len(fitted):
            continue
        constant = w.target[fitted].mean(axis=(0, 1)) / relative[fitted].mean(axis=(0, 1))
        told, counted = information(relative[test] * constant, w.target[test], w.target[train].mean(axis=(0, 1)))
        nats, spikes = nats + float(told.sum()), spikes + float(counted.sum())
    return nats, spikes
