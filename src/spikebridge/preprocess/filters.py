"""What each filter of units did: how many units it could judge, how many it drops, and why it judged no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import Config

OFF = "off: the setting is null or 0"


@dataclass(frozen=True)
class Criterion:
    """One reason to leave a unit out. key: the setting that says so.

    fails: (unit,), True where the reason applies. judged: (unit,), True where that could be found out. note: what the
    judgement rests on, or why there is none.
    """

    key: str
    reason: str
    fails: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    note: str = ""


@dataclass(frozen=True)
class Filter:
    """What one filter did with `units` units. dropped: units that fail it; a unit may fail several filters."""

    filter: str
    units: int
    judged: int
    dropped: int
    note: str


def settings_of(config: Config) -> dict[str, object]:
    """Every filter, by its setting, and the value; None where it is off."""
    q = config.quality
    return {
        "quality.sorter_labels": q.sorter_labels,
        "data.min_rate_hz": config.data.min_rate_hz or None,
        "quality.max_isi_violations": q.max_isi_violations,
        "quality.min_presence_ratio": q.min_presence_ratio,
        "quality.max_amplitude_cutoff": q.max_amplitude_cutoff,
        "quality.max_rate_change": q.max_rate_change,
    }


def filters_of(criteria: Sequence[Criterion], config: Config, units: int) -> tuple[Filter, ...]:
    """One record a filter, those that are off too."""
    by_key = {c.key: c for c in criteria}
    found = []
    for key, value in settings_of(config).items():
        one = by_key.get(key)
        if value is None or one is None:
            found.append(Filter(key, units, 0, 0, OFF))
        else:
            found.append(Filter(key, units, int(one.judged.sum()), int(one.fails.sum()), one.note))
    return tuple(found)


def not_judged(criteria: Sequence[Criterion], units: int) -> list[str]:
    """(unit,): the filters in force that could not judge a unit, joined by "; "."""
    return ["; ".join(c.key for c in criteria if not c.judged[k]) for k in range(units)]


def plain(filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """For report.json."""
    return [asdict(one) for one in filters]


def column_like(units: pd.DataFrame, name: str) -> str | None:
    """The column of that name, in whatever spelling: amplitudeCutoff for amplitude_cutoff."""
    squeezed = {str(c).replace("_", "").lower(): str(c) for c in reversed(list(units))}
    return name if name in units else squeezed.get(name.replace("_", ""))


def said(filters: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a filter that is on, for people. filters: as in report.json, of one recording or several together."""
    lines = []
    for one in filters:
        if one["note"] == OFF:
            continue
        note = f" ({one['note']})" if one["note"] else ""
        what = f"{one['judged']} of {one['units']} units judged, {one['dropped']} dropped"
        lines.append(f"{one['filter']}: {what if one['judged'] else 'no unit judged'}{note}")
    return lines


def summed(reports: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The filters of several recordings together; notes that differ are joined."""
    rows = pd.DataFrame([one for report in reports for one in report])
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
