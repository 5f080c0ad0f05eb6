"""Tables of single trials and of latents over time, for the figures that show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import TrialsConfig
from spikebridge.evaluation.inputs import FoldLatents, Inputs, Latents, Translation
from spikebridge.evaluation.recovery import rows_of
from spikebridge.metrics import bits_per_spike, linear_map
from spikebridge.types import Windows

Array = NDArray[np.float64]
RASTER = ["model", "recording", "trial", "label", "bits_per_spike", "event", "panel", "row", "unit", "time_s", "value"]
TRAJECTORY = ["model", "latent", "variance_share", "label", "event", "time_s", "mean", "sem", "n"]
PREFERRED = "seq2seq"


def raster_table(inputs: Inputs, trials: TrialsConfig) -> pd.DataFrame:
    """One held-out trial: source counts, target counts (spikes per bin) and predicted target rates (Hz).

    Not the best one: the trial of median bits/spike in the recording of median bits/spike. Units are ordered by when
    they peak in the average over trials, target and prediction alike.
    """
    translators = [PREFERRED] if PREFERRED in inputs.translations else sorted(inputs.translations)
    if not translators:
        return pd.DataFrame(columns=RASTER)
    t = inputs.translations[translators[0]]
    recording, trial, bits = _median_trial(t)
    w = inputs.windows[recording]
    window = int(rows_of(w, np.array([trial]))[0])
    known, rates = t.rates[recording]
    predicted = rates[int(np.flatnonzero(known == trial)[0])] / w.bin_s
    time: Array = np.asarray(trials.window_s[0] + (np.arange(w.n_bins) + 0.5) * w.bin_s, dtype=np.float64)
    by_peak = {side: _by_peak(w, side) for side in ("source", "target")}
    panels = [
        _panel("source", w.source[window], w.source_units, by_peak["source"], time),
        _panel("target", w.target[window], w.target_units, by_peak["target"], time),
        _panel("predicted", predicted, w.target_units, by_peak["target"], time),
    ]
    about = {
        "model": t.model,
        "recording": recording,
        "trial": trial,
        "label": inputs.classes[int(w.label[window])],
        "bits_per_spike": bits,
        "event": trials.align,
    }
    return pd.concat(panels, ignore_index=True).assign(**about)[RASTER]


def _median_trial(t: Translation) -> tuple[str, int, float]:
    sums = t.table.groupby("recording")[["nats", "spikes"]].sum()
    recording = str(_median_of(sums["nats"] / sums["spikes"]))
    rows = t.table[(t.table["recording"] == recording) & (t.table["spikes"] > 0)].set_index("trial")
    trial = int(_median_of(rows["nats"] / rows["spikes"]))
    return recording, trial, bits_per_spike(rows.loc[trial, "nats"], rows.loc[trial, "spikes"])


def _median_of(values: pd.Series) -> Any:
    """Key of the middle value; of an even number the lower middle."""
    return values.sort_values(kind="stable").index[(len(values) - 1) // 2]


def _by_peak(w: Windows, side: str) -> NDArray[np.int64]:
    mean = getattr(w, side)[w.labelled].mean(axis=0)
    kernel = np.ones(min(5, w.n_bins))
    smooth = np.stack([np.convolve(unit, kernel, mode="same") for unit in mean.T])
    return np.argsort(smooth.argmax(axis=1), kind="stable")


def _panel(name: str, values: NDArray, units: NDArray[np.int64], order: NDArray[np.int64], time: Array) -> pd.DataFrame:
    n_bins, n_units = values.shape
    return pd.DataFrame(
        {
            "panel": name,
            "row": np.repeat(np.arange(n_units), n_bins),
            "unit": np.repeat(units[order], n_bins),
            "time_s": np.tile(time, n_units),
            "value": values[:, order].T.ravel().astype(np.float64),
        }
    )


def latent_table(inputs: Inputs, trials: TrialsConfig) -> pd.DataFrame:
    """Mean and standard error over held-out trials of every latent in time, for each decision.

    Each fold has its own fit and so its own axes. They are brought to those of the first fold by a linear map fitted on
    trials that neither held out, without labels, then turned to principal components of unit variance.
    """
    found = [_trajectories(inputs, m, latents, trials) for m, latents in inputs.latents.items()]
    return pd.concat(found, ignore_index=True)[TRAJECTORY] if found else pd.DataFrame(columns=TRAJECTORY)


def _trajectories(inputs: Inputs, model: str, latents: Latents, trials: TrialsConfig) -> pd.DataFrame:
    values, label, share = _aligned(inputs, latents)
    bin_s = next(iter(inputs.windows.values())).bin_s
    time = trials.window_s[0] + (np.arange(values.shape[1]) + 0.5) * bin_s
    rows = []
    for c, name in enumerate(inputs.classes):
        mine = values[label == c]
        if len(mine) < 2:
            continue
        mean, sem = mine.mean(axis=0), mine.std(axis=0, ddof=1) / np.sqrt(len(mine))
        for k in range(values.shape[2]):
            columns = {"time_s": time, "mean": mean[:, k], "sem": sem[:, k]}
            about = {"model": model, "latent": k + 1, "variance_share": share[k], "label": name, "n": len(mine)}
            rows.append(pd.DataFrame(columns).assign(event=trials.align, **about))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=TRAJECTORY)


def _aligned(inputs: Inputs, latents: Latents) -> tuple[Array, NDArray[np.int64], Array]:
    """Held-out latents of all folds and recordings on one set of axes. (trial, bin, latent), (trial,), (latent,)."""
    folds = sorted({f for parts in latents.values() for f in parts})
    first = {r: parts[folds[0]] for r, parts in latents.items() if folds[0] in parts}
    values, labels = [], []
    for fold in folds:
        both = [r for r, parts in latents.items() if r in first and fold in parts]
        pairs = [_shared_training(first[r], latents[r][fold]) for r in both]
        to_first = linear_map(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
        for r, parts in latents.items():
            if fold in parts and parts[fold].is_test.any():
                part, w = parts[fold], inputs.windows[r]
                values.append(to_first(part.latents[part.is_test].astype(np.float64)))
                labels.append(w.label[rows_of(w, part.trial[part.is_test])])
    everything = np.concatenate(values)
    turned, share = _principal(everything)
    return turned, np.concatenate(labels), share


def _shared_training(reference: FoldLatents, other: FoldLatents) -> tuple[Array, Array]:
    """Latents of the trials that neither fit held out: (those of `other`, those of `reference`)."""
    sides: list[Mapping[int, Array]] = [
        {int(k): z for k, z, test in zip(f.trial, f.latents, f.is_test, strict=True) if not test}
        for f in (reference, other)
    ]
    trials = sorted(set(sides[0]) & set(sides[1]))
    taken = [np.array([side[k] for k in trials], dtype=np.float64) for side in sides]
    return (  # reshaped, for there may be no such trial; folds may have tuned different numbers of latents
        taken[1].reshape(-1, *other.latents.shape[1:]),
        taken[0].reshape(-1, *reference.latents.shape[1:]),
    )


def _principal(values: Array) -> tuple[Array, Array]:
    """Principal components of unit variance and their share of the variance; the largest loading is positive."""
    flat = values.reshape(-1, values.shape[-1])
    centred = flat - flat.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(flat))
    variance, axes = np.maximum(variance[::-1], 0.0), axes[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    scale = np.sqrt(np.where(variance > 0, variance, 1.0))
    return (centred @ axes / scale).reshape(values.shape), variance / max(variance.sum(), np.finfo(float).tiny)
