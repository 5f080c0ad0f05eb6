"""The score of one fit on its inner validation windows: what the tuner compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.fitting.held_out import first_parts, fit_and_adapt
from spikebridge.metrics import balanced_accuracy, bits_per_spike, information, log_loss
from spikebridge.models import Model
from spikebridge.splits import select_windows
from spikebridge.types import Partition, Windows


@dataclass(frozen=True)
class Outcome:
    """The scores of one fit on its inner validation windows.

    Parameters
    ----------
    value : float
        What the tuner maximises: bits/spike of a translator, minus the log loss (nats) of any other model.
    inner : dict of str to float or None
        balanced_accuracy, log_loss (nats) and bits_per_spike; None where the model has no such score.
    """

    value: float
    inner: dict[str, float | None]


def assess(
    model: Model, train: list[Windows], valid: list[Windows], rng: np.random.Generator, watch: Any = None
) -> Outcome:
    """Fit on some windows and score on others, whose labels are hidden from the model.

    Parameters
    ----------
    model : Model
        Not fitted.
    train, valid : list of Windows
        One for each recording.
    rng : numpy.random.Generator
        The only source of randomness.
    watch : callable, optional
        Receives one dict per training epoch; it may end the fit by an error.

    Returns
    -------
    Outcome
        Of the epoch that the model kept, where it stops early.
    """
    hidden = [replace(w, label=np.full_like(w.label, -1)) for w in valid] if model.early_stopping else []
    history = model.fit(train, hidden, rng, watch)
    base = {w.recording: w.target.mean(axis=(0, 1)) for w in train}
    if model.early_stopping:  # the score of the epoch that the model kept; now the model has also learned from `valid`
        return _outcome(model, valid, None, max(row["valid_bits_per_spike"] for row in history.rows))
    return _outcome(model, valid, base)


def assess_held_out(
    model: Model, data: Sequence[Windows], part: Partition, rng: np.random.Generator, watch: Any = None
) -> Outcome:
    """Fit to a partition, adapt to the recordings that it holds out, and score on the later part of these.

    Parameters
    ----------
    model : Model
        Not fitted.
    data : sequence of Windows
        One for each recording.
    part : Partition
        What to learn from, what to adapt to, and what to score.
    rng : numpy.random.Generator
        The only source of randomness.
    watch : callable, optional
        Receives one dict per training epoch; it may end the fit by an error.

    Returns
    -------
    Outcome
        Bits/spike over the mean rates of the windows that the fit was adapted to.
    """
    fit_and_adapt(model, data, part, rng, watch)
    base = {name: w.target.mean(axis=(0, 1)) for name, w in first_parts(data, part).items()}
    return _outcome(model, select_windows(data, part.test), base)


def _outcome(
    model: Model,
    scored: Sequence[Windows],
    base: Mapping[str, NDArray[np.float64]] | None,
    bits: float | None = None,
) -> Outcome:
    """Score a fitted model on windows. base: (unit,), mean rates of each recording; None: bits/spike is `bits`."""
    nats, spikes = 0.0, 0.0
    labels: list[NDArray[np.int64]] = []
    chances: list[NDArray[np.float64]] = []
    decided: list[NDArray[np.int64]] = []
    for w in scored:
        if model.translates and base is not None:
            rates = model.predict(w).rates
            assert rates is not None
            gain, n = information(rates, w.target, base[w.recording])
            nats, spikes = nats + gain.sum(), spikes + n.sum()
        known = w.select(w.labelled)
        if model.decides and len(known):
            labels.append(known.label)
            probabilities = model.predict(known).probabilities
            assert probabilities is not None
            chances.append(probabilities)
            decided.append(model.decide(probabilities, w.recording))
    inner: dict[str, float | None] = {"balanced_accuracy": None, "log_loss": None, "bits_per_spike": bits}
    if model.translates and base is not None:
        inner["bits_per_spike"] = bits_per_spike([nats], [spikes])
    if model.decides:
        label, chance = np.concatenate(labels), np.concatenate(chances)
        inner["balanced_accuracy"] = balanced_accuracy(label, np.concatenate(decided))
        inner["log_loss"] = log_loss(label, chance)
    value = inner["bits_per_spike"] if model.translates else -float(inner["log_loss"] or 0.0)
    assert value is not None
    return Outcome(value, inner)
