"""What a spike sorter, or the person who curated its output, says of each unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.trial_table import label_names

COLUMNS = (
    "quality",  # NWB, Allen Institute
    "group",  # phy, after curation
    "KSLabel",  # Kilosort
    "sorter_label",
    "cluster_group",
    "unit_quality",
    "label",
    "curation",
    "cell_quality",
)
SAME = {
    **dict.fromkeys(("good", "single", "single unit", "single-unit", "single_unit", "su", "sua", "isolated"), "good"),
    **dict.fromkeys(("mua", "mu", "multi", "multi unit", "multi-unit", "multi_unit", "multiunit"), "mua"),
    **dict.fromkeys(("noise", "bad", "artifact", "artefact"), "noise"),
    **dict.fromkeys(("unsorted", "unclassified", "unlabeled", "unlabelled"), "unsorted"),
}
"""Words of sorters, and the word of Kilosort and phy for the same."""
MISSING = ("", "nan", "none")


def label_column(units: pd.DataFrame, asked: str | None, recording: str) -> str | None:
    """The column with the labels; None where there is none, or where none was asked for.

    asked: the name of a column; `auto` takes the first of `COLUMNS` that holds text and at least one known word.
    Raises DataError where a column was named and is not there.
    """
    if asked is None:
        return None
    if asked != "auto":
        if asked not in units:
            columns = ", ".join(map(str, units.columns))
            raise DataError(
                f"{recording}: quality.sorter_label_from: no column {asked!r} in the units table; columns: {columns}"
            )
        return asked
    return next((c for c in COLUMNS if c in units and any(v.lower() in SAME for v in labels_of(units[c]))), None)


def labels_of(values: pd.Series) -> list[str]:
    """The text of each unit's label, "" where it is missing."""
    names = [str(name).strip() for name in label_names(values)]
    return ["" if name.lower() in MISSING else name for name in names]


def unwanted(labels: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """(unit,): True where there is a label and it is none of those wanted, nor another word for one of them."""
    kept = {word.strip().lower() for word in wanted}
    kept |= {word for word, same in SAME.items() if same in kept}
    return np.array([label != "" and label.lower() not in kept for label in labels], dtype=bool)
