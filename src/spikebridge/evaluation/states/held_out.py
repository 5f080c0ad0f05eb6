"""What the models' rates of held-out trials say in the bins of a state: translation and communication gain.

bits/spike of a state: sum over its bins of the nats beyond the reference (the baseline, or the target's own history),
over its spikes times ln 2. The models are those of the whole study; none is fitted to a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.bin_nats import BASELINE, MODEL, read_bin_nats
from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.artifacts.training import Translation
from spikebridge.errors import DataError
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.nested_models.encoding import HISTORY, read_encoding
from spikebridge.evaluation.states.matching import REACH_S, local_rate, matched_bins
from spikebridge.metrics import clustered
from spikebridge.preprocess.states import StateBins

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
TRANSLATION, COMMUNICATION = "source_bits_per_spike", "communication_bits_per_spike"
TOLERANCE = 1e-3
"""Share by which sums over bins, in single precision, may differ from the nats of a trial."""


@dataclass(frozen=True)
class HeldOutBins:
    """The bins of all held-out trials; all arrays have a row a trial, in the order of `table`.

    table: recording, trial, block. source, target: (row, bin), spikes of all units. n_source, n_target: (row,), units.
    inside: state -> (row, bin). missing: state -> recording -> why it cannot be known there. bin_s: seconds.
    """

    table: pd.DataFrame
    source: Array
    target: Array
    n_source: Array
    n_target: Array
    inside: Mapping[str, Bools]
    missing: Mapping[str, Mapping[str, str]]
    bin_s: float

    def of(self, rows: NDArray[np.generic]) -> HeldOutBins:
        """A part of the trials."""
        arrays = {key: getattr(self, key)[rows] for key in ("source", "target", "n_source", "n_target")}
        inside = {state: flags[rows] for state, flags in self.inside.items()}
        return replace(self, table=self.table[rows].reset_index(drop=True), inside=inside, **arrays)

    def amount(self, bins: Bools) -> dict[str, float]:
        """How much data some bins hold: their number, seconds, spikes of the target, and mean rates of a unit in Hz."""
        n = bins.sum(axis=1) * self.bin_s
        return {
            "n_bins": int(bins.sum()),
            "seconds": float(n.sum()),
            "n_spikes": int(self.target[bins].sum()),
            "source_hz": _rate(float(self.source[bins].sum()), float(n @ self.n_source)),
            "target_hz": _rate(float(self.target[bins].sum()), float(n @ self.n_target)),
        }

    def matched(self, first: str, second: str) -> tuple[Bools, Bools]:
        """Bins of two states, as many in each cell of rates of each test block; see matching."""
        block = pd.factorize(self.table["block"])[0].astype(np.int64)
        reach = max(1, round(REACH_S / self.bin_s))
        both = self.inside[first], self.inside[second]
        rates = [tuple(local_rate(c, flags, reach) for flags in both) for c in (self.source, self.target)]
        return matched_bins(*both, [(one, other) for one, other in rates], block)


@dataclass(frozen=True)
class HeldOutMeasure:
    """One score of held-out bins. name: TRANSLATION or COMMUNICATION. nats: (row, bin), beyond the reference."""

    name: str
    model: str
    nats: Array

    def score(self, data: HeldOutBins, bins: Bools, index: NDArray[np.int64]) -> clustered.Score:
        """Bits/spike in some bins, as a function of the clusters' weights. index: (row,), number of the cluster."""
        nats = np.where(bins, self.nats, 0.0).sum(axis=1) / np.log(2)
        return clustered.ratio(nats, np.where(bins, data.target, 0.0).sum(axis=1), index)


def held_out_bins(inputs: Inputs, states: Mapping[str, Mapping[str, StateBins]]) -> HeldOutBins:
    """The held-out trials of the translators, and which of their bins are in which state.

    Parameters
    ----------
    inputs : Inputs
        At least one translation; all have the same trials in the same order.
    states : mapping
        State -> recording -> its bins, for all windows.

    Returns
    -------
    HeldOutBins
        In the order of the translators' tables.
    """
    table = next(iter(inputs.translations.values())).table[["recording", "trial", "block"]].reset_index(drop=True)
    n_bins = next(iter(inputs.windows.values())).n_bins
    source, target = np.zeros((2, len(table), n_bins))
    units = np.zeros((2, len(table)))
    inside = {state: np.zeros((len(table), n_bins), dtype=bool) for state in states}
    for recording, rows in table.groupby("recording"):
        w, at = inputs.windows[str(recording)], rows.index.to_numpy()
        windows = rows_of(w, rows["trial"].to_numpy(np.int64))
        source[at], target[at] = (np.asarray(c[windows]).sum(axis=2) for c in (w.source, w.target))
        units[:, at] = np.array([[len(w.source_units)], [len(w.target_units)]])
        for state, flags in inside.items():
            flags[at] = states[state][str(recording)].inside[windows]
    missing = {s: {r: bins.missing for r, bins in each.items() if bins.missing} for s, each in states.items()}
    bin_s = next(iter(inputs.windows.values())).bin_s
    return HeldOutBins(table, source, target, units[0], units[1], inside, missing, bin_s)


def translation_measures(inputs: Inputs, data: HeldOutBins) -> list[HeldOutMeasure]:
    """What the source adds to the baseline, of every translator for which that is known.

    Raises DataError where a translator has no nats of its bins, or others than those of its trials.
    """
    measures = []
    for name, t in inputs.translations.items():
        if np.isfinite(t.from_source).all():
            by_part = {part: _of_bins(t.rates_folder.parent, part, data) for part in (MODEL, BASELINE)}
            _check_sums(t, by_part[MODEL])
            measures.append(HeldOutMeasure(TRANSLATION, name, by_part[MODEL] - by_part[BASELINE]))
    return measures


def communication_measure(inputs: Inputs, data: HeldOutBins, nested_models_folder: Path | None) -> HeldOutMeasure | str:
    """What the source adds to the target's own past and to behaviour; or why that is not known.

    Raises DataError and LeakageError as `read_encoding`.
    """
    if nested_models_folder is None or not NestedModelRun(nested_models_folder).about_encoding.is_file():
        return "the stage nested_models was not run"
    run = NestedModelRun(nested_models_folder)
    encoding, _ = read_encoding(run, inputs)
    if encoding.last is None:
        return next(iter(encoding.missing.values()), "there is no model with the source")
    both = {step: _of_bins(run.encoding, step, data) for step in (encoding.last, HISTORY)}
    rows = pd.MultiIndex.from_frame(encoding.steps[HISTORY].table[["recording", "trial"]])
    at = rows.get_indexer(pd.MultiIndex.from_frame(data.table[["recording", "trial"]]))
    for step, nats in both.items():
        t = encoding.steps[step]
        _check_sums(replace(t, table=t.table.iloc[at]), nats)
    return HeldOutMeasure(COMMUNICATION, encoding.last, both[encoding.last] - both[HISTORY])


def _of_bins(folder: Path, part: str, data: HeldOutBins) -> Array:
    nats = np.zeros(data.target.shape)
    for recording, rows in data.table.groupby("recording"):
        found = read_bin_nats(folder, str(recording))
        nats[rows.index.to_numpy()] = found.of(part, rows["trial"].to_numpy(np.int64))
    return nats


def _check_sums(t: Translation, nats: Array) -> None:
    """The bins and the trials must come from the same fit."""
    off = np.abs(nats.sum(axis=1) - t.nats)
    if (off > TOLERANCE * np.maximum(np.abs(nats).sum(axis=1), 1.0)).any():
        raise DataError(f"{t.model}: expected nats of bins that sum to those of their trials; run its stage again")


def _rate(spikes: float, unit_seconds: float) -> float:
    return spikes / unit_seconds if unit_seconds else float("nan")
