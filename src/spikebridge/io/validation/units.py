"""Unit ids, and numbers of spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.subject import Subject, holds_times

MIN_SHIFTED = 4
"""Units from which numbers of spikes that fit the next unit are no chance."""


def check_ids(subject: Subject) -> Iterator[Finding]:
    ids = subject.recording.units["unit"]
    if not len(ids):
        yield Finding.error("no-units", "units", "expected units, found none: correct the file, or data.exclude_units")
        return
    twice = ids[ids.duplicated(keep=False)].value_counts(sort=False)
    if len(twice):
        many = listed((f"{unit} ({n} rows)" for unit, n in twice.items()), 10)
        yield Finding.error(
            "unit-ids-repeated",
            "units",
            f"unit ids must be unique; found more than once: {many}. Ids that begin anew on every probe or "
            "tetrode are the usual cause: correct the file so that no two units have one id, for example by ids of "
            "1000 x probe + unit",
        )
    trains = subject.trains
    strange = ~np.isin(trains.unit, ids)
    if strange.any():
        pairs = sorted(zip(trains.unit[strange].tolist(), trains.n[strange].tolist(), strict=True))
        many = listed((f"{unit} ({counted(n, 'spike')})" for unit, n in pairs), 10)
        yield Finding.error(
            "spikes-of-unknown-units",
            "units",
            f"spikes of units that the units table does not have: {many}. Add a row for each of them to the "
            "table, or remove their spikes",
        )
    below = sorted(set(ids[ids < 0]) - subject.unused)
    if below:
        yield Finding.warning(
            "negative-unit-ids",
            "units",
            f"unit ids below zero: {listed(map(str, below), 10)}; sorters write noise so. They are used like others",
        )
    silent = ids[~ids.isin(subject.recording.spikes["unit"].unique())].unique()
    if len(silent):
        who = listed(map(subject.called, silent), 10)
        yield Finding.warning(
            "units-without-spikes", "units", f"{len(silent)} of {counted(len(ids), 'unit')} without any spike: {who}"
        )


NUMBERS = ("n_spikes", "num_spikes", "nspikes", "spike_count", "n_spike", "total")
"""Columns of the units, in small letters, by which programs write how many spikes a unit has."""


def check_numbers(subject: Subject) -> Iterator[Finding]:
    """The spikes of each unit against the number that a column of the units table says."""
    units, trains = subject.recording.units, subject.trains
    name = next((str(c) for c in units if str(c).lower() in NUMBERS and holds_times(units[c])), None)
    if name is None or not units["unit"].is_unique or subject.recording.resolution_s > 0:
        return
    said = units[name].to_numpy(dtype=np.float64, na_value=np.nan)
    n = pd.Series(trains.n, index=trains.unit).reindex(units["unit"], fill_value=0).to_numpy()
    differ = np.flatnonzero(np.isfinite(said) & (said != n))
    if not len(differ):
        return
    first = int(differ[0])
    example = f"(unit {subject.called(int(units['unit'].iloc[first]))}: {n[first]} found, {said[first]:g} said)"
    shifted = [np.array_equal(n[1:], said[:-1]), np.array_equal(n[:-1], said[1:])]
    if len(n) >= MIN_SHIFTED and any(shifted):
        yield Finding.error(
            "spikes-of-neighbouring-units",
            name,
            f"each unit has the number of spikes that column {name!r} says of the unit "
            f"{'before' if shifted[0] else 'after'} it {example}: the file gives trains to the wrong units; correct it",
        )
    elif 2 * len(differ) <= np.isfinite(said).sum():  # where most differ, the column means something else
        yield Finding.warning(
            "spike-numbers-differ",
            name,
            f"{len(differ)} of {counted(len(n), 'unit')} have another number of spikes than column {name!r} says "
            f"{example}",
        )
