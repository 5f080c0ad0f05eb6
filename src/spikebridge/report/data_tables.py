"""Tables on the recordings: what was recorded, what was kept, which filters judged it, what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.report.content import PageTable, TableRow
from spikebridge.report.findings import findings
from spikebridge.report.study import Study
from spikebridge.report.wording import number


def recordings_table(study: Study, only: Sequence[str]) -> PageTable:
    """One row a recording: animal, observed time, trials, decisions and units."""
    head = [
        "recording",
        "animal",
        "observed (s)",
        "trials",
        "decisions",
        f"{study.source} units",
        f"{study.target} units",
        "gap (s)",
    ]
    rows = []
    for name in only:
        about = study.preparation.get(name, {})
        trials = about.get("trials", {})
        cells = [
            name,
            str(about.get("animal") or ""),
            number(about.get("observed_s")),
            _of(trials.get("kept"), trials.get("total")),
            ", ".join(f"{label} {n}" for label, n in about.get("labels", {}).items()),
            *(_units(about, role) for role in ("source", "target")),
            number(study.leakage.get("gap_s", {}).get(name)),
        ]
        rows.append(TableRow(cells, recording=name))
    note = "Trials and units: kept of all. Gap: time around a test block that no fit learned from."
    return PageTable("Recordings", head, rows if study.preparation else [], note)


def _of(kept: Any, total: Any) -> str:
    return number(kept) if kept == total else f"{number(kept)} of {number(total)}"


def _units(about: Mapping[str, Any], role: str) -> str:
    regions = about.get("units", {}).get(role, {})
    kept, dropped = (sum(n[key] for n in regions.values()) for key in ("kept", "dropped"))
    return _of(kept, kept + dropped)


def filters_table(study: Study, only: Sequence[str]) -> PageTable:
    """One row a recording and filter of units."""
    rows = [
        TableRow(
            [
                str(row["recording"]),
                str(row["filter"]),
                "on" if str(row["on"]) == "True" else "off",
                f"{number(row['judged'])} of {number(row['units'])}",
                number(row["dropped"]),
                str(row["note"] or ""),
            ],
            recording=str(row["recording"]),
        )
        for row in study.table("quality_filters")
        if row["recording"] in only
    ]
    head = ["recording", "filter", "", "units judged", "dropped", "why not all"]
    return PageTable("Filters of units", head, rows, source="tables/quality_filters.csv", folded=True)


def findings_table(study: Study, only: Sequence[str]) -> PageTable:
    """What was left out, noted or warned about; see docs/findings.md."""
    rows = [
        TableRow([line.recording, line.severity, line.subject, line.text], recording=line.recording)
        for line in findings(study)
        if line.recording in only
    ]
    return PageTable("Findings", ["recording", "kind", "about", "finding"], rows)
