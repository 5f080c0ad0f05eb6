"""Which ordered pairs of regions are run, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

from spikebridge.artifacts.sweep_plan import LeftOutPair, Pair, SweepPlan
from spikebridge.config import SweepConfig
from spikebridge.errors.messages import counted

TOO_FEW_UNITS, NOT_TOGETHER = "too_few_units", "not_together"
"""Codes of pairs that are left out: one of the regions never has enough units; they have them in too few recordings."""
Units = Mapping[str, Mapping[str, int]]
"""Recording -> region -> units that the filters keep."""


def make_plan(regions: Sequence[str], units: Units, animals: Mapping[str, str], settings: SweepConfig) -> SweepPlan:
    """List the pairs that have enough units in enough recordings, and name the others with the reason.

    Parameters
    ----------
    regions : sequence of str
        In the order of the matrix.
    units : mapping
        Recording -> region -> units that the filters keep.
    animals : mapping
        Recording -> animal.
    settings : SweepConfig
        The least numbers of units and recordings. Regions that it names are in the matrix in any case; of the others,
        those that have enough units in a recording.

    Returns
    -------
    SweepPlan
        Its pairs, in the order of the matrix, row by row.
    """
    most = {region: _most(region, units) for region in regions}
    few = {
        region: f"at most {counted(n, 'unit')} in a recording, fewer than sweep.min_units = {settings.min_units}"
        for region, n in most.items()
        if n < settings.min_units
    }
    shown = [region for region in regions if settings.regions is not None or region not in few]
    folders = folder_names(shown)
    pairs, left_out = [], []
    for source, target in permutations(shown, 2):
        if source in few or target in few:
            reason = "; ".join(f"{region}: {few[region]}" for region in (source, target) if region in few)
            left_out.append(LeftOutPair(source, target, TOO_FEW_UNITS, reason))
            continue
        together = [
            name for name in sorted(units) if min(units[name].get(r, 0) for r in (source, target)) >= settings.min_units
        ]
        if len(together) < settings.min_recordings:
            n = counted(len(together), "recording")
            reason = f"both have {settings.min_units} units or more in {n}, expected {settings.min_recordings}"
            left_out.append(LeftOutPair(source, target, NOT_TOGETHER, reason))
            continue
        pairs.append(Pair(f"{folders[source]}_{folders[target]}", source, target, tuple(together)))
    used = {name for pair in pairs for name in pair.recordings}
    return SweepPlan(
        folders=folders,
        units={name: dict(of) for name, of in sorted(units.items())},
        animals=dict(animals),
        pairs=tuple(pairs),
        left_out=tuple(left_out),
        unused_regions={region: why for region, why in few.items() if region not in shown},
        unused_recordings={
            name: f"no pair has {settings.min_units} units or more of both regions"
            for name in units
            if name not in used
        },
    )


def _most(region: str, units: Units) -> int:
    return max((of.get(region, 0) for of in units.values()), default=0)


def folder_names(regions: Iterable[str]) -> dict[str, str]:
    """Region -> its name in files and stages: letters, digits and hyphens; a number is added where two would be equal.

    Upper and lower case count as equal, as some file systems take them.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for region in regions:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", region).strip("-") or "region"
        name = next(n for k in range(1, 10_000) if (n := plain if k == 1 else f"{plain}-{k}").casefold() not in taken)
        taken.add(name.casefold())
        names[region] = name
    return names
