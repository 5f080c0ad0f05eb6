"""A small project with an evaluation, one of whose recordings has a name that HTML would read as a tag."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import fake_project
import pandas as pd
from fake_analysis import make_analysis
from fake_ladder import make_ladder
from fake_runs import Plan, make_study
from fake_states import CONDITION, ingested, make_states, with_states
from import_graph import ROOT

from spikebridge import figures
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun
from spikebridge.artifacts.report import REPORT_FOLDER
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.windows import WINDOWS_FOLDER, save_report
from spikebridge.errors.findings import Finding
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.report import ReportSections, write_report

HOSTILE = """rat"1' <b onload=alert(1)>&amp; #ü"""
PLAIN = "rat1_day1"
UNITS = {PLAIN: (5, 4), HOSTILE: (7, 3)}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""One transparent pixel."""
TRANSLATE = {"seq2seq": 0.9, "ridge": 0.5, "target_history": 0.5, "target_history_source": 0.8}
WARNING = Finding.warning("drift", "units", "a <i>rate</i> doubles.", "Look at it.")


def windows_report(units: Mapping[str, tuple[int, int]] = UNITS) -> dict[str, object]:
    """What preprocess says of these recordings: 3 of 12 trials and 2 units left out in each.

    units: recording -> (source units, target units).
    """
    return {
        "classes": list(fake_project.CLASSES),
        "recordings": {
            name: {
                "animal": name[:4],
                "observed_s": 300.5,
                "units": {
                    "source": {"HC": {"kept": source, "dropped": 2}},
                    "target": {"PFC": {"kept": target, "dropped": 0}},
                },
                "quality": {
                    "dropped": {
                        "source": {"data.min_rate_hz": {"number": 2, "text": "rate below 0.1 Hz"}},
                        "target": {},
                    },
                    "filters": [
                        {
                            "filter": "quality.sorter_labels",
                            "on": True,
                            "units": 9,
                            "judged": 0,
                            "dropped": 0,
                            "note": "no words",
                        }
                    ],
                },
                "trials": {
                    "total": 12,
                    "kept": 9,
                    "dropped": {"trials.label": {"number": 3, "text": "no choice"}},
                },
                "labels": {"skip": 4, "stay": 5},
                "files": {"about.json": "00"},
                "warnings": [WARNING.as_dict()],
            }
            for name, (source, target) in units.items()
        },
    }


def made_project(folder: Path) -> Path:
    """The project, without a report."""
    project = fake_project.make(folder, units=UNITS)
    shutil.copy(ROOT / "dvc.yaml", project)
    save_report(windows_report(), project / WINDOWS_FOLDER)
    run = EvaluationRun(project / EVALUATION_FOLDER)
    run.write_tables(
        {
            "nulls": pd.DataFrame({"model": ["seq2seq"], "null": ["linear_shift"]}),
            "quality": pd.DataFrame({"recording": [*UNITS], "unit": [1, 2]}),
            "quality_limits": pd.DataFrame({"recording": [*UNITS]}),
            "quality_filters": pd.DataFrame(
                {"recording": [*UNITS], "filter": "f", "on": True, "units": 9, "judged": 9, "dropped": 0, "note": ""}
            ),
        }
    )
    run_of = FigureRun(project / FIGURES_FOLDER)
    for path in run_of.folder.glob("*.png"):
        path.unlink()
    for path in (run_of.image("nulls"), *(run_of.image("quality", name) for name in UNITS)):
        path.write_bytes(PNG)
    return project


def written(project: Path, **times: float) -> Path:
    """The group page of a project."""
    sections = ReportSections.of(fake_project.settings())
    return write_report(sections, project, project / "reports" / "report", times)


def drawn_project(folder: Path, recordings: int = 8) -> Path:
    """A project of many recordings with every table that evaluate can make, all figures and the report.

    Its drawing takes a minute.
    """
    study = make_study(folder / "made", Plan(recordings=recordings, trials=40, translate=TRANSLATE))
    make_states(study)
    evaluation = EvaluationRun(folder / EVALUATION_FOLDER)
    settings = EvaluationSections.of(with_states(study, {"running": {"where": CONDITION}}).config)
    evaluate(settings, *study.places, evaluation.folder, make_analysis(study), make_ladder(study), ingested(study))
    for made, place in (("train", TRAINING_FOLDER), ("windows", WINDOWS_FOLDER)):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (study.root / made).rename(folder / place)
    sizes = {w.recording: (len(w.source_units), len(w.target_units)) for w in study.windows}
    save_report(windows_report(sizes), folder / WINDOWS_FOLDER)
    shutil.copy(ROOT / "dvc.yaml", folder)
    figures.draw_all(evaluation.tables, folder / FIGURES_FOLDER, 2)
    write_report(ReportSections.of(study.config), folder, folder / REPORT_FOLDER, {})
    return folder
