"""What messages call units: by the names that the file gives them, where it has such, else by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from spikebridge.errors.messages import listed
from spikebridge.labels.trial_labels import label_names

NAME = "name"
"""The column of the units table in which readers that number units keep what the file calls them."""


def names_of(units: pd.DataFrame) -> dict[int, str]:
    """Unit -> its name; empty where not every unit has a name of its own, or ids are there twice."""
    if NAME not in units or not units["unit"].is_unique:
        return {}
    names = label_names(units[NAME]).tolist()
    if "" in names or len(set(names)) < len(names):
        return {}
    return dict(zip(units["unit"].tolist(), names, strict=True))


def named(ids: Iterable[int], names: Mapping[int, str], most: int = 10) -> str:
    """'unit 3', 'units 3, 5', or with their names; the order is kept."""
    called = [names.get(unit, str(unit)) for unit in ids]
    return ("unit " if len(called) == 1 else "units ") + listed(called, most)
