"""The table of one typical held-out trial: spikes, and the predicted rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import TrialsConfig
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.metrics import bits_per_spike

Array = NDArray[np.float64]
RASTER = [
    "model", "recording", "trial", "label", "bits_per_spike", "event", "panel", "row", "unit", "mean_hz",
    "time_s", "value",
]  # fmt: skip
PREFERRED = "seq2seq"


def raster_table(inputs: Inputs, trials: TrialsConfig) -> pd.DataFrame:
    """One held-out trial: source counts, target counts (spikes per bin) and predicted target rates (Hz).

    Not the best one: the trial of median bits/spike in the recording of median bits/spike. mean_hz: the unit's mean
    over all held-out trials of the recording, of what the panel shows. Target units are ordered by their loading on the
    first principal component of the predicted log rates in all those trials, source units by the correlation of their
    counts with it; both from high to low. So the order is not fitted to the trial shown.
    """
    translators = [PREFERRED] if PREFERRED in inputs.translations else sorted(inputs.translations)
    if not translators:
        return pd.DataFrame(columns=RASTER)
    t = inputs.translations[translators[0]]
    recording, trial, bits = _median_trial(t)
    w = inputs.windows[recording]
    window = int(rows_of(w, np.array([trial]))[0])
    known, trial_rates = t.rates[recording]
    rates: Array = np.asarray(trial_rates, dtype=np.float64)
    predicted = rates[int(np.flatnonzero(known == trial)[0])] / w.bin_s
    time: Array = np.asarray(trials.window_s[0] + (np.arange(w.n_bins) + 0.5) * w.bin_s, dtype=np.float64)
    rows = rows_of(w, known)
    by_source, by_target = _orders(w.source[rows], rates)
    mean_hz = [values.mean(axis=(0, 1)) / w.bin_s for values in (w.source[rows], w.target[rows], rates)]
    panels = [
        _panel("source", w.source[window], w.source_units, mean_hz[0], by_source, time),
        _panel("target", w.target[window], w.target_units, mean_hz[1], by_target, time),
        _panel("predicted", predicted, w.target_units, mean_hz[2], by_target, time),
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


def _orders(source: NDArray, rates: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orders of source and target units. source, rates: (trial, bin, unit), counts and rates per bin."""
    log = np.log(np.maximum(rates, np.finfo(float).tiny)).reshape(-1, rates.shape[2])
    log -= log.mean(axis=0)
    loading = np.linalg.eigh(log.T @ log)[1][:, -1]
    loading = loading * np.sign(loading[np.abs(loading).argmax()])  # else its sign would be the computer's choice
    x = source.reshape(-1, source.shape[2]).astype(np.float64)
    x -= x.mean(axis=0)
    follows = (log @ loading) @ x / np.maximum(np.sqrt((x**2).sum(axis=0)), np.finfo(float).tiny)
    return np.argsort(-follows, kind="stable"), np.argsort(-loading, kind="stable")


def _panel(
    name: str, values: NDArray, units: NDArray[np.int64], mean_hz: Array, order: NDArray[np.int64], time: Array
) -> pd.DataFrame:
    n_bins, n_units = values.shape
    return pd.DataFrame(
        {
            "panel": name,
            "row": np.repeat(np.arange(n_units), n_bins),
            "unit": np.repeat(units[order], n_bins),
            "mean_hz": np.repeat(mean_hz[order], n_bins),
            "time_s": np.tile(time, n_units),
            "value": values[:, order].T.ravel().astype(np.float64),
        }
    )
