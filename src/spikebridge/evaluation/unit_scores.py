"""The table of single target units: bits/spike of each translator over every yardstick, unit by unit.

The three yardsticks are those of metrics.json: the unit's mean rate in training; the baseline that is known without the
source; and the model's own rates of neighbouring trials (the trial-shift contrast, see `translation_scores`). Summed
over units and trials the numbers are the scores of the recording. Rates of the baseline are kept in half precision,
which changes a score by less than 0.001 bits/spike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import UNIT_SCORES, YARDSTICKS
from spikebridge.artifacts.held_out_rates import BASELINE, read_held_out_rates
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.translation_scores import minus_neighbours, pairings
from spikebridge.metrics import clustered, floored

Array = NDArray[np.float64]
ALL = "all"


def unit_score_table(inputs: Inputs, settings: StatisticsConfig) -> pd.DataFrame:
    """Score every target unit in every recording.

    Parameters
    ----------
    inputs : Inputs
        Windows, folds and held-out rates.
    settings : StatisticsConfig
        Of the intervals of recordings, which resample their test blocks.

    Returns
    -------
    pandas.DataFrame
        Columns UNIT_SCORES. One row a model, recording and unit, and one with the unit "all" for all units of the
        recording together, with intervals. A unit without a held-out spike has no score.
    """
    rows = [
        row
        for t in inputs.translations.values()
        for recording, trials in t.table.groupby("recording", sort=True)
        for row in _rows(inputs, t, str(recording), trials, settings)
    ]
    return pd.DataFrame(rows, columns=list(UNIT_SCORES))


def _rows(
    inputs: Inputs, t: Translation, recording: str, trials: pd.DataFrame, settings: StatisticsConfig
) -> Iterator[dict[str, object]]:
    nats, spikes = unit_nats(inputs, t, recording, trials)
    about = {"model": t.model, "recording": recording}
    total = spikes.sum(axis=0)
    bits = {key: each.sum(axis=0) / np.log(2) for key, each in nats.items()}
    for k, unit in enumerate(inputs.windows[recording].target_units.tolist()):
        n = float(total[k])
        yield {**about, "unit": unit, "spikes": n, **{key: each[k] / n if n else np.nan for key, each in bits.items()}}
    # the same draws in every recording and model, as for the scores in metrics.json
    by_block = settings.model_copy(update={"cluster": "block"})
    resampling = Resampling.of(trials, by_block, np.random.default_rng(0))
    together: dict[str, object] = {**about, "unit": ALL, "spikes": float(total.sum())}
    for key, each in nats.items():
        score = clustered.ratio(each.sum(axis=1) / np.log(2), spikes.sum(axis=1), resampling.clusters.index)
        interval = resampling.interval(score)
        together |= {key: interval["value"], f"{key}_low": interval["ci_low"], f"{key}_high": interval["ci_high"]}
    yield together


def unit_nats(inputs: Inputs, t: Translation, recording: str, trials: pd.DataFrame) -> tuple[dict[str, Array], Array]:
    """Nats of every held-out trial and unit over each yardstick, and the spikes.

    Parameters
    ----------
    inputs : Inputs
        Windows and folds.
    t : Translation
        Of one model.
    recording : str
        Name of the recording.
    trials : pandas.DataFrame
        Its rows of `t.table`, in the order of time.

    Returns
    -------
    dict of str to NDArray, shape (trial, unit)
        Yardstick -> nats; NaN over the baseline where the model has none without the source.
    NDArray, shape (trial, unit)
        Held-out spikes.
    """
    w, (known, all_rates) = inputs.windows[recording], t.rates[recording]
    numbers = trials["trial"].to_numpy(np.int64)
    order = np.argsort(known)
    rates = floored(all_rates[order[np.searchsorted(known, numbers, sorter=order)]])
    counts = np.asarray(w.target[rows_of(w, numbers)], np.float64)
    spikes: Array = counts.sum(axis=1)
    mean, shift = np.zeros_like(spikes), np.zeros_like(spikes)
    for fold, of in trials.groupby("fold", sort=True):
        at = trials.index.get_indexer(of.index)
        training = w.select(inputs.splits.folds[int(fold)].spikes_known(recording))
        mean[at] = _nats(rates[at], counts[at], floored(training.target.mean(axis=(0, 1))))
        for k in range(counts.shape[2]):
            shift[at, k] = minus_neighbours(pairings(rates[at, :, k], counts[at, :, k]))
    baseline = np.full_like(spikes, np.nan)
    if np.isfinite(trials["nats_without_source"]).all():
        known_without = read_held_out_rates(t.rates_folder.parent, recording).of(BASELINE, numbers)
        baseline = _nats(rates, counts, floored(known_without))
    return dict(zip(YARDSTICKS, (mean, baseline, shift), strict=True)), spikes


def _nats(rates: Array, counts: Array, base: Array) -> Array:
    """(trial, unit): sum over bins of y log(rate / base) - (rate - base). base: (unit,) or like rates."""
    return np.asarray((counts * np.log(rates / base) - (rates - base)).sum(axis=1))
