"""What preprocess measured of each unit, as tables for the figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from spikebridge.artifacts.windows import load_quality, load_report

QUALITY = [
    "recording", "unit", "name", "region", "role", "n_spikes", "rate_hz", "isi_violations_ratio",
    "isi_violations_count", "presence_ratio", "amplitude_cutoff", "sorter_label", "rate_change", "kept", "reasons",
    "not_judged",
]  # fmt: skip
LIMITS = ["recording", "column", "low", "high", "note"]
FILTERS = ["recording", "filter", "units", "judged", "dropped", "note"]
NOTES = {"isi_violations_ratio": "ISI violations are not judged: ", "presence_ratio": "presence is not judged: "}
"""How the notes of preprocess begin on measures that it could not take."""


def quality_tables(windows_folder: Path) -> dict[str, pd.DataFrame]:
    """quality: one row a unit, of all recordings. quality_limits: the limits that were set, by recording and column.

    note: why nothing could be judged by that limit, else empty. quality_filters: how many units each filter could
    judge, how many it drops, and what that rests on or why it judged none, by recording.
    All without rows where preprocess wrote no quality tables.
    """
    tables = load_quality(windows_folder)
    parts = [table.assign(recording=name) for name, table in tables.items()]
    report = load_report(windows_folder)["recordings"]
    rows = [
        [name, column, *ends, _note(column, about.get("notes", []))]
        for name in tables
        for about in [report.get(name, {}).get("quality", {})]
        for column, ends in about.get("limits", {}).items()
    ]
    filters = [
        {"recording": name, **one}
        for name in tables
        for one in report.get(name, {}).get("quality", {}).get("filters", [])
    ]
    quality = pd.concat(parts, ignore_index=True)[QUALITY] if parts else pd.DataFrame(columns=QUALITY)
    return {
        "quality": quality,
        "quality_limits": pd.DataFrame(rows, columns=LIMITS),
        "quality_filters": pd.DataFrame(filters, columns=FILTERS),
    }


def _note(column: str, notes: list[str]) -> str:
    start = NOTES.get(column)
    return next((n.removeprefix(start) for n in notes if start and n.startswith(start)), "")
