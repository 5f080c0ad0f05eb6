"""Ids of units that count within a channel or a tetrode: unit 1 of channel 1 and unit 1 of channel 2 are two cells.

Sorters that work channel by channel (Plexon Offline Sorter, wave_clus) number units so, and exports have a column for
each.
"""

from __future__ import annotations

import re

import pandas as pd

from spikebridge.errors.messages import counted, listed

GROUP = re.compile(
    r"(channel|chan|ch|tetrode|tt|shank|electrode|elec|probe)(_?(id|no|nr|num|number|name))?", re.IGNORECASE
)
ADVICE = "write ids that are unique in the recording, such as 1_1 for unit 1 of {} 1, into both tables"


def group_column(frame: pd.DataFrame) -> str:
    """The column that seems to say on which channel, tetrode, shank or probe a row lies; "" where there is none."""
    return next((str(c) for c in frame if GROUP.fullmatch(str(c).strip())), "")


def counts_within(frame: pd.DataFrame) -> tuple[bool, str]:
    """Whether ids count within a group, and what is odd about units that lie in several; ("" where nothing is).

    frame: one row a spike, with the column unit. True where each group has all the ids up to its last, from the first
    one of the whole table: then the ids are numbers within it. Otherwise a spike may lie on another channel than its
    unit.
    """
    column = group_column(frame)
    if not column or "unit" not in frame:
        return False, ""
    pairs = frame[["unit", column]].dropna().drop_duplicates()
    several = pairs["unit"].value_counts()
    several = several[several > 1]
    if not len(several):
        return False, ""
    ids = sorted(pairs["unit"].unique())
    places = {u: k for k, u in enumerate(ids)}
    of_group = [sorted(places[u] for u in units) for _, units in pairs.groupby(column)["unit"]]
    within = all(found == list(range(found[0], found[0] + len(found))) and found[0] <= 1 for found in of_group)
    said = (
        f"{counted(len(several), 'unit')} with spikes in several places of the column {column}: "
        f"{listed((f'{u} ({n})' for u, n in several.items()), 5)}"
    )
    return within, said
