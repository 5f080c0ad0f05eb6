"""Which arrays of a file hold the counts, and in which order their axes are trial, bin and unit.

Names that are recognised without options:
    counts, spikes                                              one array (trial, bin, unit)
    source, target                                              two parts with other units each
    [train_|eval_]spikes_heldin, [...]spikes_heldout            Neural Latents Benchmark (nlb_tools): source and target
    train_recon_data, valid_recon_data[, test_recon_data]       lfads-torch; train_data, valid_data: earlier LFADS

The order of axes is that of the option, else that of the file's attribute, else (trial, bin, unit), which is checked.
MATLAB stores arrays with their first axis fastest: an array (trial, bin, unit) of h5create and h5write is
(unit, bin, trial) to every other program. The sizes decide where the numbers of trials and units are known. Where two
axes have one size, the counts decide: totals of units differ far more than those of trials or bins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal

import numpy as np

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.binned.arrays import (
    ArrayHeader,
    array_headers,
    axes_attribute,
    load_array,
    looks_like_counts,
    written_by_matlab,
)
from spikebridge.io.formats.log import raise_errors
from spikebridge.io.formats.mat import is_mat
from spikebridge.io.formats.mat.files import numeric_variables

Names = str | list[str] | None
SPLITS = ("train", "valid", "test", "eval")
SINGLE_NAMES = (
    "counts",
    "spikes",
    *(tuple(f"{s}_{kind}" for s in SPLITS) for kind in ("recon_data", "encod_data", "data")),
)
PAIRED_NAMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("source",), ("target",)),
    *(
        (tuple(f"{p}spikes_heldin" for p in prefixes), tuple(f"{p}spikes_heldout" for p in prefixes))
        for prefixes in (("train_", "eval_"), ("",))
    ),
)
KNOWN_NAMES = {n for names in SINGLE_NAMES for n in ((names,) if isinstance(names, str) else names)}
KNOWN_NAMES |= {n for pair in PAIRED_NAMES for names in pair for n in names}
Axis = Literal["trial", "bin", "unit"]
AXES: tuple[Axis, ...] = ("trial", "bin", "unit")
REVERSED: tuple[Axis, ...] = AXES[::-1]
KEEP_ORDER_HINT = "; if not, set {axes: [trial, bin, unit]}"
MIN_SIZE = 8
"""Trials, or units, from which the spread of their totals says something."""
MIN_SPREAD_RATIO = 4.0
"""How many times more the totals along one axis vary than those along another, from which that axis is the units."""


@dataclass(frozen=True)
class CountArrays:
    """Arrays of counts, joined along the trials. `target`: other units in the same trials as `source`; or empty."""

    source: tuple[str, ...]
    target: tuple[str, ...] = ()
    found_by_name: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.source + self.target


def known_count_arrays(arrays: Mapping[str, ArrayHeader]) -> CountArrays | None:
    """The arrays whose names say that they hold counts; None where no name does."""
    cubes = [n for n, header in arrays.items() if header.is_cube]
    for source, target in PAIRED_NAMES:
        pairs = [(s, t) for s, t in zip(source, target, strict=True) if s in cubes and t in cubes]
        if pairs:
            return CountArrays(tuple(s for s, _ in pairs), tuple(t for _, t in pairs), True)
    for names in SINGLE_NAMES:
        here = tuple(n for n in ((names,) if isinstance(names, str) else names) if n in cubes)
        if here:
            return CountArrays(here, (), True)
    return None


def holds_counts(path: Path) -> bool:
    """Decide whether a file holds counts in bins.

    Parameters
    ----------
    path : Path
        A .npz, HDF5 or MATLAB file.

    Returns
    -------
    bool
        Whether an array is called as counts are, or any three-dimensional array holds whole numbers. Of a MATLAB file
        the name alone decides, since those hold images and waveforms as well.
    """
    if is_mat(path):
        return bool(numeric_variables(path) & KNOWN_NAMES) and known_count_arrays(array_headers(path)) is not None
    arrays = array_headers(path)
    return known_count_arrays(arrays) is not None or any(looks_like_counts(path, n, h) for n, h in arrays.items())


def choose_count_arrays(
    path: Path, arrays: Mapping[str, ArrayHeader], counts: Names, source_counts: Names, target_counts: Names
) -> CountArrays:
    """Choose the arrays of counts.

    Parameters
    ----------
    path : Path
        The file, for messages.
    arrays : Mapping[str, ArrayHeader]
        What `array_headers` returns.
    counts, source_counts, target_counts : str, list of str, or None
        What `data.options` name.

    Returns
    -------
    CountArrays
        The named arrays, else those with known names, else the only one that can be counts.

    Raises
    ------
    DataError
        Where a named array is not there, or several arrays may be the counts.
    """
    asked = {"counts": counts, "source_counts": source_counts, "target_counts": target_counts}
    wanted = {key: [names] if isinstance(names, str) else list(names or ()) for key, names in asked.items()}
    wrong = [error for key, names in wanted.items() for error in _name_errors(f"data.options.{key}", names, arrays)]
    raise_errors(path, wrong)
    if wanted["counts"]:
        return CountArrays(tuple(wanted["counts"]))
    if wanted["source_counts"]:
        return CountArrays(tuple(wanted["source_counts"]), tuple(wanted["target_counts"]))
    known = known_count_arrays(arrays)
    if known is not None:
        return known
    cubes = [n for n, header in arrays.items() if looks_like_counts(path, n, header)]
    if len(cubes) == 1:
        return CountArrays((cubes[0],))
    shown = listed(f"{n} {h.shape}" for n, h in arrays.items() if h.is_cube)
    raise DataError.of(
        "counts-array-not-named",
        path,
        f"which array holds the counts (trial, bin, unit)? Name it in data.options.counts, or two in "
        f"source_counts and target_counts; arrays of three dimensions: {shown}",
    )


def _name_errors(setting: str, names: Sequence[str], arrays: Mapping[str, ArrayHeader]) -> list[Finding]:
    errors = []
    for name in names:
        if name not in arrays:
            errors.append(
                Finding.error(
                    "counts-array-missing",
                    setting,
                    f"{setting}: no array {name!r}{did_you_mean(name, arrays)} Arrays: {listed(arrays)}",
                )
            )
        elif not arrays[name].is_cube:
            errors.append(
                Finding.error(
                    "counts-array-not-numbers",
                    setting,
                    f"{setting}: {name} is {arrays[name].dtype} {arrays[name].shape}, expected numbers (trial, bin, "
                    "unit)",
                )
            )
    return errors


def axis_order(
    path: Path,
    fields: CountArrays,
    arrays: Mapping[str, ArrayHeader],
    asked: Collection[Axis] | None,
    n_trials: Collection[int],
    n_units: Collection[int],
) -> tuple[tuple[int, ...], list[Finding]]:
    """Find the axes of trials, bins and units in the arrays of counts.

    Parameters
    ----------
    path : Path
        The file.
    fields : CountArrays
        The arrays of counts.
    arrays : Mapping[str, ArrayHeader]
        What `array_headers` returns.
    asked : Collection[Axis], optional
        The option `axes`.
    n_trials, n_units : Collection[int]
        Numbers of trials and units in the other arrays and tables; may be empty.

    Returns
    -------
    axes : tuple of int
        For `np.transpose`: where trials, bins and units lie.
    notes : list of Finding
        Doubts that remain.

    Raises
    ------
    DataError
        Where the order cannot be (trial, bin, unit), or another order fits as well; names the option to set.
    """
    given = tuple(asked) if asked else axes_attribute(path, fields.names[0])
    if given:
        return tuple(given.index(axis) for axis in AXES), []
    shapes = [arrays[name].shape for name in fields.names]
    fits = [order for order in permutations(AXES) if _fits(fields, arrays, order, n_trials, n_units)]
    shown = listed(f"{name} {shape}" for name, shape in zip(fields.names, shapes, strict=True))
    if fits and AXES not in fits and (n_trials or n_units):
        known = [f"{n} {what}" for what, numbers in (("trials", n_trials), ("units", n_units)) for n in sorted(numbers)]
        best = REVERSED if REVERSED in fits else fits[0]
        raise DataError.of(
            "counts-axes-mismatch",
            path,
            f"expected counts (trial, bin, unit), found {shown} with {listed(known)}: {_question(best)}",
        )
    doubts = [order for order in fits if order != AXES and all(_same_shape(s, order) for s in shapes)]
    if not doubts or not (n_trials or n_units):
        return (0, 1, 2), []
    return (0, 1, 2), _order_by_spread(path, fields, doubts, shapes[0][2], shown)


def _order_by_spread(
    path: Path, fields: CountArrays, doubts: list[tuple[Axis, ...]], size: int, shown: str
) -> list[Finding]:
    """Notes on axes of one size, that of the units. Raises DataError where the counts indicate another order, or where
    a file of MATLAB may have one.
    """
    spread = [sum(values) for values in zip(*(_dispersion(path, name) for name in fields.names), strict=True)]
    units = [order.index("unit") for order in doubts if order.index("unit") != 2]
    best = max(units, key=lambda axis: spread[axis], default=2)
    if best == 2:  # trials and bins alone may be exchanged: the counts cannot show it
        return []
    if size >= MIN_SIZE and spread[2] >= MIN_SPREAD_RATIO * spread[best]:
        return []
    order = next(order for order in doubts if order.index("unit") == best)
    order = REVERSED if best == 0 and REVERSED in doubts else order
    if size >= MIN_SIZE and spread[best] >= MIN_SPREAD_RATIO * spread[2]:
        raise DataError.of(
            "counts-axes-likely-permuted",
            path,
            f"{shown}: axes of one size, and totals vary {spread[best] / spread[2]:.0f} times more along axis "
            f"{best + 1} than along axis 3, which should be the units: {_question(order)}{KEEP_ORDER_HINT}",
        )
    if written_by_matlab(path):
        raise DataError.of(
            "counts-axes-of-matlab",
            path,
            f"{shown}: axes of one size in a file that looks like MATLAB's: {_question(order)}{KEEP_ORDER_HINT}",
        )
    text = f"{shown}: axes of one size are taken as (trial, bin, unit);"
    return [Finding.warning("axes-of-one-size", "counts", text, "data.options.axes says otherwise")]


def _question(order: tuple[Axis, ...]) -> str:
    reason = ", as MATLAB's h5write leaves an array (trial, bin, unit)" if order == REVERSED else ""
    return f"is it ({', '.join(order)}){reason}? Then set data.options: {{axes: [{', '.join(order)}]}}"


def _fits(
    fields: CountArrays,
    arrays: Mapping[str, ArrayHeader],
    order: tuple[Axis, ...],
    n_trials: Collection[int],
    n_units: Collection[int],
) -> bool:
    """Whether arrays of counts with their axes in this order agree with each other and with the numbers known."""
    parts = [
        [dict(zip(order, arrays[name].shape, strict=True)) for name in names]
        for names in (fields.source, fields.target)
        if names
    ]
    bins = {sizes["bin"] for part in parts for sizes in part}
    each = [{sizes["unit"] for sizes in part} for part in parts]
    trials = {sum(sizes["trial"] for sizes in part) for part in parts}
    if len(bins) > 1 or len(trials) > 1 or any(len(units) > 1 for units in each):
        return False
    units = sum(max(units) for units in each)
    return set(n_trials) <= trials and set(n_units) <= {units}


def _same_shape(shape: tuple[int, ...], order: tuple[Axis, ...]) -> bool:
    """Whether an array keeps its shape when its axes are put from this order into (trial, bin, unit)."""
    return shape == tuple(shape[order.index(axis)] for axis in AXES)


def _dispersion(path: Path, name: str) -> list[float]:
    """Variance over mean of the totals along each axis."""
    cube = np.asarray(load_array(path, name), dtype=np.float64)
    totals = [cube.sum(axis=tuple(k for k in range(3) if k != axis)) for axis in range(3)]
    return [float(t.var() / max(t.mean(), 1e-12)) + 1e-12 for t in totals]
