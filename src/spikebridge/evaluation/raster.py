"""The table of one typical held-out trial: spikes, and what was predicted of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import TrialsConfig
from spikebridge.evaluation.inputs import Inputs, Translation
from spikebridge.evaluation.recovery import rows_of
from spikebridge.metrics import bits_per_spike
from spikebridge.types import Windows

Array = NDArray[np.float64]
RASTER = ["model", "recording", "trial", "label", "bits_per_spike", "event", "panel", "row", "unit", "time_s", "value"]
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
