"""Fits where whole recordings are held out: what they may use of such a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spikebridge.models import Model
from spikebridge.models.base import OnEpoch
from spikebridge.splits import select_windows
from spikebridge.types import Index, Partition, Windows
from spikebridge.types.covariates import without_labels


def fit_and_adapt(
    model: Model, data: Sequence[Windows], part: Partition, rng: np.random.Generator, on_epoch: OnEpoch | None = None
) -> list[Windows]:
    """Fit a model to a partition, and adapt it to the recordings that the partition holds out, without their labels.

    A translator that has a separate fit for each recording, and does not decide, is fitted to the held-out recordings
    alone: the others have nothing to give.

    Parameters
    ----------
    model : Model
        Not fitted.
    data : sequence of Windows
        One for each recording.
    part : Partition
        What to learn from, and what to adapt to.
    rng : numpy.random.Generator
        The only source of randomness.
    on_epoch : callable, optional
        Receives one dict per training epoch of the fit.

    Returns
    -------
    list of Windows
        All that was learned from; those of held-out recordings are without labels.
    """
    learned = select_windows(data, part.train), select_windows(data, part.valid)
    if part.adapt is None:
        model.fit(*learned, rng, on_epoch)
        return [w for side in learned for w in side]
    first = _hidden(data, part.adapt.train), _hidden(data, part.adapt.valid)
    if model.fits_without_labels():
        model.fit(*first, rng, on_epoch)
        return [w for side in first for w in side]
    model.fit(*learned, rng, on_epoch)
    if model.adapts:
        model.adapt(*first, rng)
        learned = [*learned[0], *first[0]], [*learned[1], *first[1]]
    return [w for side in learned for w in side]


def first_parts(data: Sequence[Windows], part: Partition) -> Mapping[str, Windows]:
    """The windows of held-out recordings that a fit adapts to.

    Parameters
    ----------
    data : sequence of Windows
        One for each recording.
    part : Partition
        Of a fold.

    Returns
    -------
    mapping of str to Windows
        Recording -> its windows, without labels; empty where no recording is held out.
    """
    if part.adapt is None:
        return {}
    rows = {name: np.union1d(part.adapt.train[name], part.adapt.valid[name]) for name in part.adapt.train}
    return {w.recording: w for w in _hidden(data, rows)}


def _hidden(data: Sequence[Windows], index: Index) -> list[Windows]:
    return [without_labels(w) for w in select_windows(data, index)]
