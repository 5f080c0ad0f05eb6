"""The label of each unit that the filter `quality.sorter_labels` judges, and where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.labels.unit_labels import (
    NAME_ONE_COLUMN,
    canonical_word,
    describe_contradictions,
    equivalent_words,
    find_label_columns,
    label_words,
    merge_labels,
    normalize_word,
    unused_label_columns,
)

REMEDY_NOT_USED = "to use one, name it in quality.sorter_label_from and its words in quality.sorter_labels"


@dataclass(frozen=True)
class UnitLabels:
    """Quality labels of units.

    Parameters
    ----------
    words : tuple of str, one a unit
        "" where a unit has no label.
    origin : str
        The columns that they come from, for people; "" where there is none.
    missing : str
        Why no unit has a label; "" where one has.
    warnings : tuple of Finding
        What may be wrong, such as labels that are not used.
    """

    words: tuple[str, ...]
    origin: str
    missing: str
    warnings: tuple[Finding, ...]


def unit_labels(units: pd.DataFrame, used: pd.DataFrame, asked: str | None, recording: str) -> UnitLabels:
    """The quality labels of units, as the filter `quality.sorter_labels` uses them.

    Parameters
    ----------
    units : DataFrame
        The units table.
    used : DataFrame
        The rows of `units` whose labels are needed.
    asked : str or None
        `quality.sorter_label_from`: the name of a column, or `auto` for all columns that hold labels.
    recording : str
        Name of the recording, for messages.

    Returns
    -------
    UnitLabels
        The labels, their origin, and warnings.

    Raises
    ------
    DataError
        Where a column is named and does not exist.
    """
    none = ("",) * len(used)
    if asked is None:
        return UnitLabels(none, "", "quality.sorter_label_from is null", ())
    if asked != "auto":
        if asked not in units:
            names = ", ".join(map(str, units.columns))
            raise DataError.of(
                "sorter-label-column-missing",
                recording,
                f"quality.sorter_label_from: no column {asked!r} in the units table; columns: {names}",
            )
        own = tuple(label_words(used[asked]))
        return UnitLabels(own, f"from column {asked}", "" if any(own) else f"column {asked} is empty", ())
    columns = {c: label_words(used[c]) for c in find_label_columns(units)}
    judged = merge_labels(columns)
    warnings = []
    if judged.contradictions:
        called = used["name" if "name" in used else "unit"]
        text = describe_contradictions(judged.contradictions, [f"unit {name}" for name in called])
        warnings.append(Finding.warning("sorter-labels-contradict", "quality.sorter_label_from", text, NAME_ONE_COLUMN))
    if others := unused_label_columns(units):
        text = f"units columns that look like labels and are not used: {listed(others, 5)};"
        warnings.append(Finding.warning("sorter-labels-not-used", "quality.sorter_label_from", text, REMEDY_NOT_USED))
    missing = "" if columns else "no units column holds words such as good, mua or noise"
    return UnitLabels(judged.labels or none, _origin(columns, judged.source, judged.labels), missing, tuple(warnings))


def _origin(columns: dict[str, list[str]], source: Sequence[str], labels: Sequence[str]) -> str:
    """Which column gave how many labels, and which other columns have another word for how many units."""
    counts = Counter(s for s in source if s)
    used = [f"{c} ({counts[c]})" if len(counts) > 1 else c for c in columns if counts[c]]
    text = f"from column{'s' * (len(used) > 1)} {listed(used)}" if used else ""
    for column, words in columns.items():
        if not counts[column]:
            pairs = zip(words, labels, strict=True)
            differ = sum(bool(word) and canonical_word(word) != canonical_word(label) for word, label in pairs)
            text += f"; not used: {column}, which says otherwise of {differ}" if differ else f"; {column} says the same"
    return text


def has_unwanted_label(labels: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """(unit,): True where there is a label and it is none of those wanted, nor another word for one of them."""
    kept = equivalent_words(wanted)
    return np.array([label != "" and normalize_word(label) not in kept for label in labels], dtype=bool)
