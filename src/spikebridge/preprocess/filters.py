"""Filters of units: how many units each could judge, how many it drops, and why it could not judge the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import DataConfig, QualityConfig

OFF = "off: the setting is null or 0"


@dataclass(frozen=True)
class Criterion:
    """One reason to leave units out.

    key: the setting. fails: (unit,), True where the reason applies. judged: (unit,), True where that could be decided.
    note: what the decision is based on, or why there is none.
    """

    key: str
    reason: str
    fails: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    note: str = ""


@dataclass(frozen=True)
class FilterResult:
    """How one filter judged `units` units. dropped: units that fail it; a unit may fail several filters."""

    filter: str
    units: int
    judged: int
    dropped: int
    note: str


def filter_settings(data: DataConfig, quality: QualityConfig) -> dict[str, object]:
    """The value of the setting of each filter; None where the filter is off."""
    return {
        "quality.sorter_labels": quality.sorter_labels,
        "data.min_rate_hz": data.min_rate_hz or None,
        "quality.max_isi_violations": quality.max_isi_violations,
        "quality.min_presence_ratio": quality.min_presence_ratio,
        "quality.max_amplitude_cutoff": quality.max_amplitude_cutoff,
        "quality.max_rate_change": quality.max_rate_change,
    }


def filter_results(
    criteria: Sequence[Criterion], settings: Mapping[str, object], units: int
) -> tuple[FilterResult, ...]:
    """One result for each filter, also for those that are off. settings: see `filter_settings`."""
    by_key = {c.key: c for c in criteria}
    results = []
    for key, value in settings.items():
        criterion = by_key.get(key)
        if value is None or criterion is None:
            results.append(FilterResult(key, units, 0, 0, OFF))
        else:
            judged, dropped = int(criterion.judged.sum()), int(criterion.fails.sum())
            results.append(FilterResult(key, units, judged, dropped, criterion.note))
    return tuple(results)


def unjudged_filters(criteria: Sequence[Criterion], units: int) -> list[str]:
    """(unit,): the filters in force that could not judge a unit, joined by "; "."""
    return ["; ".join(c.key for c in criteria if not c.judged[k]) for k in range(units)]


def find_column(units: pd.DataFrame, name: str) -> str | None:
    """The column of that name, in whatever spelling: amplitudeCutoff for amplitude_cutoff."""
    squeezed = {str(c).replace("_", "").lower(): str(c) for c in reversed(list(units))}
    return name if name in units else squeezed.get(name.replace("_", ""))


def filter_lines(filters: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each filter that is on.

    Parameters
    ----------
    filters : sequence of mappings
        Fields of `FilterResult`, as in report.json; of one recording, or of several together (`total_filters`).

    Returns
    -------
    list of str
        How many units were judged and dropped, and the note of the filter.
    """
    lines = []
    for result in filters:
        if result["note"] == OFF:
            continue
        note = f" ({result['note']})" if result["note"] else ""
        counts = f"{result['judged']} of {result['units']} units judged, {result['dropped']} dropped"
        lines.append(f"{result['filter']}: {counts if result['judged'] else 'no unit judged'}{note}")
    return lines


def total_filters(reports: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The filters of several recordings together.

    Parameters
    ----------
    reports : sequence of sequences of mappings
        Fields of `FilterResult`, by recording.

    Returns
    -------
    list of dict
        Sums for each filter; notes that differ are joined.
    """
    rows = pd.DataFrame([result for report in reports for result in report])
    if rows.empty:
        return []
    groups = rows.groupby("filter", sort=False)
    return [
        {
            "filter": str(key),
            **{n: int(part[n].sum()) for n in ("units", "judged", "dropped")},
            "note": "; ".join(dict.fromkeys(part["note"][part["note"] != ""])),
        }
        for key, part in groups
    ]
