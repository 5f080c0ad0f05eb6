"""The table of observed and predicted PSTHs by decision, held-out trials only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import PSTH
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import TrialsConfig
from spikebridge.evaluation.inputs import Inputs, rows_of

Array = NDArray[np.float64]
PREFERRED = "seq2seq"
PLACES: Mapping[str, float] = {
    "best": 1.0, "80th percentile": 0.8, "median": 0.5, "20th percentile": 0.2, "worst": 0.0,
}  # fmt: skip
"""Units of a recording that are shown, by the rank of their bits/spike: not the best ones alone."""
TYPICAL = "median"
BIN_S = 0.15
"""Shortest bin of the course. Means over some ten trials in shorter bins are mostly noise."""
MIN_TRIALS = 2


def psth_table(inputs: Inputs, trials: TrialsConfig, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean observed and predicted rates of some target units over the held-out trials of each decision.

    Parameters
    ----------
    inputs : Inputs
        Windows and held-out rates.
    trials : TrialsConfig
        The event and where the window starts.
    scores : pandas.DataFrame
        unit_scores.csv, which orders the units.

    Returns
    -------
    pandas.DataFrame
        Columns PSTH: seq2seq, or the first translator; of each recording the units of PLACES.
    """
    names = [PREFERRED] if PREFERRED in inputs.translations else sorted(inputs.translations)
    tables = []
    for model in names[:1]:
        t = inputs.translations[model]
        of_model = scores[(scores["model"] == model) & (scores["unit"] != "all") & scores["bits_per_spike"].notna()]
        for recording, of in of_model.groupby("recording", sort=True):
            tables += list(_of_recording(inputs, t, str(recording), of, trials))
    if not tables:
        return pd.DataFrame(columns=list(PSTH))
    return pd.concat(tables, ignore_index=True).assign(event=trials.align)[list(PSTH)]


def _of_recording(
    inputs: Inputs, t: Translation, recording: str, scores: pd.DataFrame, trials: TrialsConfig
) -> Iterator[pd.DataFrame]:
    w, (known, rates) = inputs.windows[recording], t.rates[recording]
    rows = rows_of(w, known)
    step = max(1, round(BIN_S / w.bin_s))
    width = step * w.bin_s
    label = w.label[rows]
    ranked = scores.sort_values("bits_per_spike", kind="stable").reset_index(drop=True)
    for place, quantile in PLACES.items():
        chosen = ranked.iloc[int(np.floor(quantile * (len(ranked) - 1)))]
        unit = int(np.flatnonzero(w.target_units == chosen["unit"])[0])
        counts = np.asarray(w.target[rows, :, unit], np.float64)
        observed, predicted = (_coarser(each, step) / width for each in (counts, rates[:, :, unit]))
        time = trials.window_s[0] + (np.arange(observed.shape[1]) + 0.5) * width
        for c, name in enumerate(inputs.classes):
            of_class = label == c
            if (n := int(of_class.sum())) < MIN_TRIALS:
                continue
            yield pd.DataFrame(
                {
                    "time_s": time,
                    "observed_hz": observed[of_class].mean(axis=0),
                    "sem_hz": observed[of_class].std(axis=0, ddof=1) / np.sqrt(n),
                    "predicted_hz": predicted[of_class].mean(axis=0),
                }
            ).assign(
                model=t.model, recording=recording, unit=chosen["unit"], place=place, typical=place == TYPICAL,
                bits_per_spike=chosen["bits_per_spike"], label=name, n=n,
            )  # fmt: skip


def _coarser(values: NDArray, step: int) -> Array:
    """Sums of `step` bins; bins at the end that do not fill one are left out. values: (trial, bin)."""
    n = values.shape[1] // step
    return np.asarray(values[:, : n * step], np.float64).reshape(len(values), n, step).sum(axis=2)
