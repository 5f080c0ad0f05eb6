"""What the models' rates of held-out trials say in the bins of a state: translation and communication gain.

bits/spike of a state: sum over its bins of y log(r / b) - (r - b), over its spikes times ln 2; r: rates of the model,
b: of its reference (the baseline, or the target's own history). The models are those of the whole study; none is fitted
to a state.

With the level of the state given, r and b of each unit are scaled, in each test block, to as many spikes as the unit
has in the bins of the state: what is left is y log(r / b) - y log(sum r / sum b). A state in which both regions fire
more is translated a little by that alone: the source says that the animal runs, and running says how much the target
fires. Within one state, at a given level, that says nothing. The value does not change where all rates of the target
are multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.held_out_rates import BASELINE, read_held_out_rates
from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.errors import DataError
from spikebridge.evaluation.inputs import Inputs, rows_of
from spikebridge.evaluation.nested_models.encoding import HISTORY, read_encoding
from spikebridge.evaluation.states.matching import matched_bins
from spikebridge.metrics import clustered, floored
from spikebridge.preprocess.states import StateBins

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
TRANSLATION, COMMUNICATION = "source_bits_per_spike", "communication_bits_per_spike"
TOLERANCE = 2e-3
"""Share by which sums over bins, from rates in half precision, may differ from the nats of the trials."""


@dataclass(frozen=True)
class HeldOutBins:
    """The bins of all held-out trials; all arrays have a row a trial, in the order of `table`.

    table: recording, trial, block. counts: recording -> (row of it, bin, unit), spikes of the target. source: (row,
    bin), spikes of all units. n_source: (row,), units. inside: state -> (row, bin). missing: state -> recording -> why
    it cannot be known there. bin_s: seconds.
    """

    table: pd.DataFrame
    counts: Mapping[str, NDArray[np.unsignedinteger]]
    source: Array
    n_source: Array
    inside: Mapping[str, Bools]
    missing: Mapping[str, Mapping[str, str]]
    bin_s: float

    @property
    def rows(self) -> dict[str, NDArray[np.int64]]:
        """Recording -> numbers of its rows."""
        index = np.arange(len(self.table))
        return {str(r): index[(self.table["recording"] == r).to_numpy()] for r in self.counts}

    def of(self, recording: str) -> HeldOutBins:
        """The trials of one recording."""
        rows = self.rows[recording]
        inside = {state: flags[rows] for state, flags in self.inside.items()}
        return replace(
            self,
            table=self.table.iloc[rows].reset_index(drop=True),
            counts={recording: self.counts[recording]},
            source=self.source[rows],
            n_source=self.n_source[rows],
            inside=inside,
        )

    def spikes(self, bins: Bools) -> Array:
        """(row,): spikes of the target in some bins."""
        total = np.zeros(len(self.table))
        for recording, rows in self.rows.items():
            total[rows] = np.where(bins[rows], self.counts[recording].sum(axis=2, dtype=np.float64), 0.0).sum(axis=1)
        return total

    def amount(self, bins: Bools) -> dict[str, float]:
        """How much data some bins hold: their number, seconds, spikes of the target, and mean rates of a unit in Hz."""
        seconds, spikes = bins.sum(axis=1) * self.bin_s, float(self.spikes(bins).sum())
        targets = sum(float(seconds[rows].sum()) * self.counts[r].shape[2] for r, rows in self.rows.items())
        return {
            "n_bins": int(bins.sum()),
            "seconds": float(seconds.sum()),
            "n_spikes": int(spikes),
            "source_hz": _rate(float(self.source[bins].sum()), float(seconds @ self.n_source)),
            "target_hz": _rate(spikes, targets),
        }

    @property
    def block(self) -> NDArray[np.int64]:
        """(row,): number of the test block."""
        return np.asarray(pd.factorize(self.table["block"])[0], dtype=np.int64)

    def matched(self, first: str, second: str) -> tuple[Bools, Bools]:
        """Bins of two states, as many in each test block."""
        return matched_bins(self.inside[first], self.inside[second], self.block)


@dataclass(frozen=True)
class HeldOutMeasure:
    """One score of held-out bins. name: TRANSLATION or COMMUNICATION.

    rates: recording -> rates of the model and of its reference, (row of it, bin, unit) each, spikes per bin.
    """

    name: str
    model: str
    rates: Mapping[str, tuple[Array, Array]]

    def of(self, recording: str) -> HeldOutMeasure:
        """Of one recording."""
        return replace(self, rates={recording: self.rates[recording]})

    def nats(self, data: HeldOutBins, bins: Bools, level_given: bool = False) -> Array:
        """(row,): information in some bins beyond the reference; see the module. level_given: of the state."""
        total = np.zeros(len(data.table))
        for recording, rows in data.rows.items():
            r, b = (np.where(bins[rows][:, :, None], floored(rate), 0.0) for rate in self.rates[recording])
            y = np.where(bins[rows][:, :, None], data.counts[recording], 0).astype(np.float64)
            log = np.log(np.divide(r, b, out=np.ones_like(r), where=b > 0))
            total[rows] = np.einsum("nbu,nbu->n", y, log)
            if level_given:
                total[rows] -= _of_levels(y.sum(axis=1), r.sum(axis=1), b.sum(axis=1), data.block[rows])
            else:
                total[rows] -= (r - b).sum(axis=(1, 2))
        return total

    def score(
        self, data: HeldOutBins, bins: Bools, index: NDArray[np.int64], level_given: bool = False
    ) -> clustered.Score:
        """Bits/spike in some bins, as a function of the clusters' weights. index: (row,), number of the cluster."""
        return clustered.ratio(self.nats(data, bins, level_given) / np.log(2), data.spikes(bins), index)


def _of_levels(y: Array, r: Array, b: Array, block: NDArray[np.int64]) -> Array:
    """(row,): sum over units of y log(sum r / sum b), sums over the rows of a block. y, r, b: (row, unit)."""
    total = np.zeros(len(y))
    for number in np.unique(block):
        here = block == number
        model, reference = r[here].sum(axis=0), b[here].sum(axis=0)
        total[here] = y[here] @ np.log(np.divide(model, reference, out=np.ones_like(model), where=reference > 0))
    return total


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
    first = next(iter(inputs.windows.values()))
    source, units = np.zeros((len(table), first.n_bins)), np.zeros(len(table))
    inside = {state: np.zeros((len(table), first.n_bins), dtype=bool) for state in states}
    counts = {}
    for recording, rows in table.groupby("recording"):
        w, at = inputs.windows[str(recording)], rows.index.to_numpy()
        windows = rows_of(w, rows["trial"].to_numpy(np.int64))
        counts[str(recording)] = np.asarray(w.target[windows])
        source[at], units[at] = np.asarray(w.source[windows]).sum(axis=2), len(w.source_units)
        for state, flags in inside.items():
            flags[at] = states[state][str(recording)].inside[windows]
    missing = {s: {r: bins.missing for r, bins in each.items() if bins.missing} for s, each in states.items()}
    return HeldOutBins(table, counts, source, units, inside, missing, first.bin_s)


def translation_measures(inputs: Inputs, data: HeldOutBins) -> list[HeldOutMeasure]:
    """What the source adds to the baseline, of every translator for which that is known.

    Raises DataError where the rates of a baseline are missing or are not those of the translation's table.
    """
    measures = []
    for name, t in inputs.translations.items():
        if not np.isfinite(t.from_source).all():
            continue
        rates = {}
        for recording, trials in _trials(data).items():
            known, trial_rates = t.rates[recording]
            order = np.argsort(known)
            predicted = trial_rates[order[np.searchsorted(known, trials, sorter=order)]].astype(np.float64)
            reference = read_held_out_rates(t.rates_folder.parent, recording).of(BASELINE, trials)
            rates[recording] = predicted, reference
        measures.append(HeldOutMeasure(TRANSLATION, name, rates))
        _check_sums(measures[-1], data, t.from_source)
    return measures


def communication_measure(inputs: Inputs, data: HeldOutBins, nested_models_folder: Path | None) -> HeldOutMeasure | str:
    """What the source adds to the target's own past and to behaviour; or why that is not known.

    Raises DataError and LeakageError as `read_encoding`, and DataError as `translation_measures`.
    """
    if nested_models_folder is None or not NestedModelRun(nested_models_folder).about_encoding.is_file():
        return "the stage nested_models was not run"
    run = NestedModelRun(nested_models_folder)
    encoding, _ = read_encoding(run, inputs)
    if encoding.last is None:
        return next(iter(encoding.missing.values()), "there is no model with the source")
    rates = {}
    for recording, trials in _trials(data).items():
        held_out_rates = read_held_out_rates(run.encoding, recording)
        rates[recording] = held_out_rates.of(encoding.last, trials), held_out_rates.of(HISTORY, trials)
    measure = HeldOutMeasure(COMMUNICATION, encoding.last, rates)
    both = [encoding.steps[step].table.set_index(["recording", "trial"])["nats"] for step in (encoding.last, HISTORY)]
    of_trials = (both[0] - both[1]).reindex(pd.MultiIndex.from_frame(data.table[["recording", "trial"]]))
    _check_sums(measure, data, of_trials.to_numpy(np.float64))
    return measure


def _trials(data: HeldOutBins) -> dict[str, NDArray[np.int64]]:
    trials = data.table["trial"].to_numpy(np.int64)
    return {recording: trials[rows] for recording, rows in data.rows.items()}


def _check_sums(measure: HeldOutMeasure, data: HeldOutBins, nats: Array) -> None:
    """All bins of a trial must have the nats of the trial: both come from one fit."""
    everywhere = np.ones((len(data.table), data.source.shape[1]), dtype=bool)
    off = np.abs(measure.nats(data, everywhere) - nats)
    if not (off <= TOLERANCE * (data.spikes(everywhere) + 1)).all():
        raise DataError(
            f"{measure.model}: expected held-out rates that give the nats of its trials; run its stage again"
        )


def _rate(spikes: float, unit_seconds: float) -> float:
    return spikes / unit_seconds if unit_seconds else float("nan")
