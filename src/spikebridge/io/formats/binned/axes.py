"""The order of the axes of counts: asked for, said by the file, or (trial, bin, unit), held against what else tells.

MATLAB stores arrays with their first axis fastest, so that an array (trial, bin, unit) of h5create and h5write is
(unit, bin, trial) to every other program. Sizes tell where trials and units are known by number; where two axes have
one size, what is counted tells: totals of units differ far more than those of trials or bins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import permutations
from pathlib import Path
from typing import Literal

import numpy as np

from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.io.formats.arrays import Header, axes_said, load, written_by_matlab
from spikebridge.io.formats.binned.fields import Fields

Axis = Literal["trial", "bin", "unit"]
AXES: tuple[Axis, ...] = ("trial", "bin", "unit")
REVERSED: tuple[Axis, ...] = AXES[::-1]
ELSE = "; if not, set {axes: [trial, bin, unit]}"
MIN_SIZE = 8
"""Trials, or units, from which the spread of their totals says something."""
CLEAR = 4.0
"""How many times more the totals along one axis vary than those along another, from which that axis is the units."""


def axes_of(
    path: Path,
    fields: Fields,
    arrays: Mapping[str, Header],
    asked: Collection[Axis] | None,
    n_trials: Collection[int],
    n_units: Collection[int],
) -> tuple[tuple[int, ...], list[str]]:
    """For `np.transpose`: where trials, bins and units lie in the arrays of counts; and notes.

    asked: data.options.axes. n_trials, n_units: what the other arrays and tables say of their number; may be empty.

    Raises DataError, with the option to set, where the order cannot be (trial, bin, unit), or may as well be another.
    """
    given = tuple(asked) if asked else axes_said(path, fields.names[0])
    if given:
        return tuple(given.index(axis) for axis in AXES), []
    shapes = [arrays[name].shape for name in fields.names]
    fits = [order for order in permutations(AXES) if _fits(fields, arrays, order, n_trials, n_units)]
    shown = listed(f"{name} {shape}" for name, shape in zip(fields.names, shapes, strict=True))
    if fits and AXES not in fits and (n_trials or n_units):
        known = [f"{n} {what}" for what, numbers in (("trials", n_trials), ("units", n_units)) for n in sorted(numbers)]
        best = REVERSED if REVERSED in fits else fits[0]
        raise DataError(f"{path}: expected counts (trial, bin, unit), found {shown} with {listed(known)}: {_ask(best)}")
    doubts = [order for order in fits if order != AXES and all(_same_shape(s, order) for s in shapes)]
    if not doubts or not (n_trials or n_units):
        return (0, 1, 2), []
    return (0, 1, 2), _judged(path, fields, doubts, shapes[0][2], shown)


def _judged(path: Path, fields: Fields, doubts: list[tuple[Axis, ...]], size: int, shown: str) -> list[str]:
    """Notes on axes of one size, that of the units. Raises DataError where the counts speak for another order, or a
    file of MATLAB may have one."""
    spread = [sum(one) for one in zip(*(_spread(path, name) for name in fields.names), strict=True)]
    units = [order.index("unit") for order in doubts if order.index("unit") != 2]
    best = max(units, key=lambda axis: spread[axis], default=2)
    if best == 2:  # trials and bins alone may be exchanged: nothing tells
        return []
    if size >= MIN_SIZE and spread[2] >= CLEAR * spread[best]:
        return []
    order = next(order for order in doubts if order.index("unit") == best)
    order = REVERSED if best == 0 and REVERSED in doubts else order
    if size >= MIN_SIZE and spread[best] >= CLEAR * spread[2]:
        raise DataError(
            f"{path}: {shown}: axes of one size, and totals vary {spread[best] / spread[2]:.0f} times more along axis "
            f"{best + 1} than along axis 3, which should be the units: {_ask(order)}{ELSE}"
        )
    if written_by_matlab(path):
        raise DataError(f"{path}: {shown}: axes of one size in a file that looks like MATLAB's: {_ask(order)}{ELSE}")
    return [f"{shown}: axes of one size are taken as (trial, bin, unit); data.options.axes says otherwise"]


def _ask(order: tuple[Axis, ...]) -> str:
    reason = ", as MATLAB's h5write leaves an array (trial, bin, unit)" if order == REVERSED else ""
    return f"is it ({', '.join(order)}){reason}? Then set data.options: {{axes: [{', '.join(order)}]}}"


def _fits(
    fields: Fields,
    arrays: Mapping[str, Header],
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
    bins = {one["bin"] for part in parts for one in part}
    each = [{one["unit"] for one in part} for part in parts]
    trials = {sum(one["trial"] for one in part) for part in parts}
    if len(bins) > 1 or len(trials) > 1 or any(len(units) > 1 for units in each):
        return False
    units = sum(max(units) for units in each)
    return set(n_trials) <= trials and set(n_units) <= {units}


def _same_shape(shape: tuple[int, ...], order: tuple[Axis, ...]) -> bool:
    """Whether an array keeps its shape when its axes are put from this order into (trial, bin, unit)."""
    return shape == tuple(shape[order.index(axis)] for axis in AXES)


def _spread(path: Path, name: str) -> list[float]:
    """Variance over mean of the totals along each axis."""
    cube = np.asarray(load(path, name), dtype=np.float64)
    totals = [cube.sum(axis=tuple(k for k in range(3) if k != axis)) for axis in range(3)]
    return [float(t.var() / max(t.mean(), 1e-12)) + 1e-12 for t in totals]
