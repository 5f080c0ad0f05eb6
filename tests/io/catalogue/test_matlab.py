"""MATLAB cell arrays whose epochs disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from catalogue import Case, Catalogue, Project, accepts, refuses, spikes, trials

BAD = Catalogue()
ODD = Catalogue()
EPOCHS = ((0.0, 65.0), (65.0, 130.0))
AREAS = {1: "HC", 2: "HC", 3: "PFC", 4: "PFC"}


def cell(*items: Any) -> Any:
    made = np.empty((1, len(items)), dtype=object)
    for i, item in enumerate(items):
        made[0, i] = item
    return made


def day(
    at: Project, areas: tuple[dict[int, str], dict[int, str]], units: tuple[tuple[int, ...], ...], start: Any
) -> None:
    """Day 1 of rat "bon": unit k is the only cell of tetrode k; units: those of each epoch."""
    from scipy.io import savemat

    sound = spikes()

    def tetrodes(make: Any) -> Any:
        return cell(*(cell(make(unit)) if unit in own_units else cell() for unit in sound))

    trains, info = [], []
    for own_units, names, (first, last) in zip(units, areas, start, strict=True):
        inside = {u: np.array([t for t in sound[u] if first <= t < last])[:, None] for u in own_units}
        trains.append(
            tetrodes(lambda u, inside=inside, span=(first, last): {"data": inside[u], "timerange": np.array(span)})
        )
        info.append(tetrodes(lambda u, names=names: {"area": names[u]}))
    savemat(at.raw / "bonspikes01.mat", {"spikes": cell(cell(*trains))})
    savemat(at.raw / "boncellinfo.mat", {"cellinfo": cell(cell(*info))})
    pd.DataFrame(trials()).to_csv(at.raw / "bonspikes01.trials.csv", index=False)


@BAD.add(
    "ingest: raw/bonspikes01.mat: a unit must lie in one area all day, but these differ between epochs: t02c01 "
    "(epoch 1: HC, epoch 2: PFC)"
)
def unit_that_moves_between_epochs(at: Project) -> None:
    day(at, (AREAS, AREAS | {2: "PFC"}), (tuple(AREAS), tuple(AREAS)), EPOCHS)


@BAD.add(
    "ingest: bonspikes01.mat: the units of source and target were never observed at the same time: 2 units "
    "(t01c01, t03c01): 0 to 65 s; 2 units (t02c01, t04c01): 65 to 130 s. Leave units out by "
    "data.exclude_units, or name other times in data.observed"
)
def no_unit_is_in_all_epochs(at: Project) -> None:
    """Numbered anew in every epoch: none was followed."""
    day(at, (AREAS, AREAS), ((1, 3), (2, 4)), EPOCHS)


@BAD.add("ingest: raw/bonspikes01.mat: cannot be read as a MATLAB file (OSError: could not read bytes)")
def truncated_matlab_file(at: Project) -> None:
    day(at, (AREAS, AREAS), (tuple(AREAS), tuple(AREAS)), EPOCHS)
    path = at.raw / "bonspikes01.mat"
    path.write_bytes(path.read_bytes()[:1500])


@ODD.add(
    "bon01: read",
    "  warning: not beside it: bonpos01.mat, bontask01.mat",
    "  warning: nothing in the files says the unit of the spike times; taken as the layout's, seconds",
    "  warning: 1 of 4 units were not recorded in every epoch, which counts as missing, not as silence: t04c01",
    "  warning: 189 of 459 spikes outside the observed time, not used",
    "  warning: 5 of 12 trials dropped: the window leaves the observed time",
)
def unit_lost_in_the_second_epoch(at: Project) -> None:
    day(at, (AREAS, AREAS), (tuple(AREAS), (1, 2, 3)), EPOCHS)


@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)


@pytest.mark.parametrize("case", ODD.cases, ids=str)
def test_accepted(case: Case, project: Project) -> None:
    accepts(case, project)
