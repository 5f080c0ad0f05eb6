"""What each dimension of the translation contributes: to the target's spikes, and to the decision.

One mode (see `modes`) at a time is held at its mean: the translator decodes the other modes, and the read-out of
decisions is fitted to the other modes anew. Modes are uncorrelated, so no other mode makes up for the one that is
missing, except beyond linear relations. Contributions to the decision may overlap: two modes that say the same of it
contribute little each.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.latent_analysis.modes import Modes, some, translation_modes
from spikebridge.latent_analysis.refit import Refits
from spikebridge.metrics import log_loss_per_trial
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.models.seq2seq.ablation import RemovedDirection
from spikebridge.types import Windows

Array = NDArray[np.float64]
NONE = 0
"""The number of the rows from which no mode is removed; modes count from 1."""
N_TREES = 50
"""Of a read-out, at most: it is fitted once a mode and recording."""
COLUMNS = [
    "recording", "fold", "block", "trial", "removed", "share", "nats", "nats_without_source", "spikes", "label",
    "predicted", "log_loss",
]  # fmt: skip


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """ablation: a row a test trial and removed mode.

    removed: number of the mode, NONE for none. share: of the mode, of the variance of predicted log rates. nats,
    nats_without_source, spikes: as in translation.parquet. label, predicted: numbers of classes. log_loss: nats. With a
    mode removed each unit has the same mean rate in training windows as with all modes: else the loss would include
    that of a wrong level, because the mean of an exponential falls with the variance of its argument.
    """
    model = refits.forward
    assert isinstance(model, Seq2Seq)
    modes = translation_modes(model, [train for train, _ in refits.scored()])
    n_trees = min(N_TREES, model.params.n_readout_trees)  # type: ignore[attr-defined]
    spikes = {train.recording: expected_spikes(model, train) for train, _ in refits.scored()}
    parts = []
    for removed in range(NONE, len(modes) + 1):
        rng = refits.rng("ablation", "read-out")  # the same draws for every mode: differences are paired
        ablated = model.without(removal(modes, removed), *refits.learned(), rng, n_trees)
        share = modes.share[removed - 1] if removed else np.nan
        for train, test in refits.scored():
            level = spikes[train.recording] / expected_spikes(ablated, train)
            parts.append(_rows(refits, ablated, train, test, level).assign(removed=removed, share=share))
    return {"ablation": pd.concat(parts, ignore_index=True)[COLUMNS]}


def removal(modes: Modes, removed: int) -> RemovedDirection | None:
    """Of a mode by its number; None for NONE."""
    k = removed - 1
    return RemovedDirection(modes.mean, modes.weight[:, k], modes.direction[:, k]) if removed != NONE else None


def expected_spikes(model: Seq2Seq, train: Windows) -> Array:
    """(target unit,), expected number in some training windows."""
    rates = model.predict(some(train)).rates
    assert rates is not None
    return np.maximum(rates.sum(axis=(0, 1), dtype=np.float64), np.finfo(float).tiny)


def _rows(refits: Refits, ablated: Seq2Seq, train: Windows, test: Windows, level: Array) -> pd.DataFrame:
    predicted = ablated.predict(test)
    assert predicted.rates is not None and predicted.probabilities is not None
    rows = refits.information_rows(test, predicted.rates * level, train.target.mean(axis=(0, 1)), predicted.baseline)
    known = test.labelled
    decided = np.where(known, ablated.decide(predicted.probabilities, test.recording), -1).astype(float)
    loss = np.full(len(test), np.nan)
    loss[known] = log_loss_per_trial(test.label[known], predicted.probabilities[known])
    label = np.where(known, test.label, np.nan)
    return rows.assign(label=label, predicted=np.where(known, decided, np.nan), log_loss=loss)
