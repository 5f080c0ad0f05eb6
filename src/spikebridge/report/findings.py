"""What was refused, left out or warned about, and what limits the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spikebridge.artifacts.truth import SIMULATED_FOLDER
from spikebridge.errors.findings import Finding
from spikebridge.report.study import ROLES, Study
from spikebridge.report.wording import counted


@dataclass(frozen=True)
class StudyFinding:
    """One line of the list. severity: warning, note or left out; subject: a setting or a part of the recording."""

    recording: str
    severity: str
    subject: str
    text: str


def findings(study: Study) -> list[StudyFinding]:
    """By recording: warnings of ingest and preprocess, trials and units left out, filters that judged no unit."""
    lines = []
    for name, about in study.preparation.items():
        lines += list(_warned(name, about))
        lines += list(_left_out(name, about, {"source": study.source, "target": study.target}))
        lines += list(_not_judged(name, about))
    lines += [
        StudyFinding(name, "warning", "split.gap_s", f"the gap is shorter than it should be: {seconds} s")
        for name, seconds in study.leakage.get("gap_too_short_s", {}).items()
    ]
    return lines


def _warned(name: str, about: Mapping[str, Any]) -> Iterator[StudyFinding]:
    for entry in about.get("warnings", []):
        finding = Finding.from_dict(entry)
        yield StudyFinding(name, finding.severity.value, finding.subject, str(finding))


def _left_out(name: str, about: Mapping[str, Any], regions: Mapping[str, str]) -> Iterator[StudyFinding]:
    for setting, dropped in about.get("trials", {}).get("dropped", {}).items():
        if dropped["number"]:
            yield StudyFinding(name, "left out", setting, f"{counted(dropped['number'], 'trial')}: {dropped['text']}")
    for role in ROLES:
        for setting, dropped in about.get("quality", {}).get("dropped", {}).get(role, {}).items():
            if dropped["number"]:
                text = f"{counted(dropped['number'], 'unit')} of {regions[role]}: {dropped['text']}"
                yield StudyFinding(name, "left out", setting, text)


def _not_judged(name: str, about: Mapping[str, Any]) -> Iterator[StudyFinding]:
    for row in about.get("quality", {}).get("filters", []):
        if row["on"] and not row["judged"]:
            why = f": {row['note']}" if row["note"] else ""
            yield StudyFinding(name, "note", row["filter"], f"judged no unit{why}")


def limits(study: Study) -> list[str]:
    """What a reader must know before the results are quoted."""
    notes = []
    if study.sections.data.path == SIMULATED_FOLDER.as_posix():
        notes.append("the recordings are simulated, so the answer is about the method and not about a brain")
    if len(study.recordings) < 6:
        notes.append("fewer than six recordings allow no claim about other recordings")
    notes.append(f"the design is correlational: prediction does not show that {study.source} drives {study.target}")
    return notes
