"""The tables of latents over time by decision, held-out trials only: means, and single trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.evaluation_tables import LATENT_TRIALS, LATENT_TRIALS_TABLE
from spikebridge.artifacts.latents import FoldLatents
from spikebridge.config import TrialsConfig
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.metrics import decision_axis, linear_map
from spikebridge.types import Windows

Array = NDArray[np.float64]
Folds = Mapping[int, FoldLatents]
TRAJECTORY = ["model", "recording", "axis", "variance_share", "label", "event", "time_s", "mean", "sem", "n"]
ALL = "all"
SINGLE = 20
"""Single trials of a decision in a recording."""
DECISION = "decision"


def latent_trajectory_tables(inputs: Inputs, trials: TrialsConfig) -> dict[str, pd.DataFrame]:
    """latents: mean and standard error over held-out trials of the latents in time, for each decision.

    axis "decision": the direction fitted on each fold's training trials (metrics.decision_axis), per recording and for
    all recordings together. axis "1", "2", ...: principal components of one recording's latents, of unit variance. Each
    fold has its own fit and so its own axes; before the components are taken they are brought to those of the first
    fold by a linear map fitted, without labels, on trials that neither held out.

    latent_trials: single trials along the decision axis of each recording, of every decision SINGLE trials at most,
    evenly spaced in time.
    """
    time = np.asarray(trials.window_s[0], dtype=np.float64)
    rows = [
        table.assign(model=model, event=trials.align, time_s=table["time_s"] + time)
        for model, latents in inputs.latents.items()
        for table in _tables(inputs, latents)
    ]
    single = [
        table.assign(model=model, recording=recording, axis=DECISION, time_s=table["time_s"] + time)
        for model, latents in inputs.latents.items()
        for recording, folds in latents.items()
        for table in _single(inputs, inputs.windows[recording], folds)
    ]
    return {
        "latents": _joined(rows, TRAJECTORY),
        LATENT_TRIALS_TABLE: _joined(single, list(LATENT_TRIALS)),
    }


def _joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _single(inputs: Inputs, w: Windows, folds: Folds) -> Iterator[pd.DataFrame]:
    """One table a trial, in the order of trials; time from the start of the window."""
    values, label, trial = _along_decision(w, folds)
    time = (np.arange(values.shape[1]) + 0.5) * w.bin_s
    for c, name in enumerate(inputs.classes):
        of_class = np.flatnonzero(label == c)
        of_class = of_class[np.argsort(trial[of_class], kind="stable")]
        if not len(of_class):
            continue
        shown = np.unique(np.linspace(0, len(of_class) - 1, SINGLE).round().astype(int))
        for k in of_class[shown]:
            yield pd.DataFrame({"label": name, "trial": int(trial[k]), "time_s": time, "value": values[k]})


def _tables(inputs: Inputs, latents: Mapping[str, Folds]) -> Iterator[pd.DataFrame]:
    along: list[tuple[Array, NDArray[np.int64]]] = []
    for recording, folds in latents.items():
        w = inputs.windows[recording]
        values, label, _ = _along_decision(w, folds)
        if len(values):
            along.append((values, label))
            yield from _means(inputs, recording, DECISION, values, label)
        components, trial, share = held_out_components(w, folds)
        label = w.label[rows_of(w, trial)]
        for k in range(components.shape[2]):
            yield from _means(inputs, recording, str(k + 1), components[:, :, k], label, share[k])
    if along:
        values, label = (np.concatenate(side) for side in zip(*along, strict=True))
        yield from _means(inputs, ALL, DECISION, values, label)


def _means(
    inputs: Inputs, recording: str, axis: str, values: Array, label: NDArray[np.int64], share: float = float("nan")
) -> Iterator[pd.DataFrame]:
    """values: (trial, bin). One table a decision that has two trials or more; time from the start of the window."""
    bin_s = next(iter(inputs.windows.values())).bin_s
    time = (np.arange(values.shape[1]) + 0.5) * bin_s
    for c, name in enumerate(inputs.classes):
        of_class = values[label == c]
        if len(of_class) >= 2:
            sem = of_class.std(axis=0, ddof=1) / np.sqrt(len(of_class))
            table = pd.DataFrame({"time_s": time, "mean": of_class.mean(axis=0), "sem": sem})
            yield table.assign(recording=recording, axis=axis, variance_share=share, label=name, n=len(of_class))


def _along_decision(w: Windows, folds: Folds) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Held-out latents along each fold's own decision axis, (trial, bin); label and number of each trial."""
    values, labels, trials = [np.empty((0, w.n_bins))], [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for part in folds.values():
        label = w.label[rows_of(w, part.trial)]
        axis = decision_axis(part.latents[~part.held_out].astype(np.float64), label[~part.held_out])
        if axis is not None and part.held_out.any():
            values.append(axis(part.latents[part.held_out].astype(np.float64)))
            labels.append(label[part.held_out])
            trials.append(part.trial[part.held_out])
    return np.concatenate(values), np.concatenate(labels), np.concatenate(trials)


def held_out_components(w: Windows, folds: Folds) -> tuple[Array, NDArray[np.int64], Array]:
    """Held-out latents of all folds on one set of axes: principal components of unit variance.

    Returns (trial, bin, component); (trial,), numbers of the trials; (component,), shares of the variance. A fold
    without a common training trial with the first one (with two folds) cannot be mapped to its axes and is left out.
    """
    numbers = sorted(folds)
    values, trials = [], []
    for number in numbers:
        part = folds[number]
        theirs, reference = _shared_training(folds[numbers[0]], part)
        if not len(theirs):
            continue
        to_first = linear_map(theirs, reference)
        values.append(to_first(part.latents[part.held_out].astype(np.float64)))
        trials.append(part.trial[part.held_out])
    turned, share = _principal(np.concatenate(values))
    return turned, np.concatenate(trials), share


def _shared_training(reference: FoldLatents, other: FoldLatents) -> tuple[Array, Array]:
    """Latents of the trials that neither fit held out: (those of `other`, those of `reference`)."""
    sides: list[Mapping[int, Array]] = [
        {int(k): z for k, z, test in zip(f.trial, f.latents, f.held_out, strict=True) if not test}
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
