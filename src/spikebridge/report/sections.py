"""The sections of the group page and of the page of a recording."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from spikebridge.artifacts.report import ReportRun
from spikebridge.report import data_tables, decision_tables, pictures, result_tables
from spikebridge.report.content import Explanation, PageLink, PageSection, PageTable, Picture, TableRow, absence
from spikebridge.report.decision_tables import HeldOut
from spikebridge.report.flow import StageNode, flow_drawing, flow_table
from spikebridge.report.study import Study
from spikebridge.report.versions import package_versions
from spikebridge.report.wording import counted, number
from spikebridge.runtime.hashing import digest

MANY = 8
"""Recordings of which the group page embeds a figure each; their own pages have all."""


@dataclass
class PageMaker:
    """What the sections of one page share. only: the recordings that the page is about; group: whether it is about
    all of them together."""

    study: Study
    decisions: dict[str, dict[str, HeldOut]]
    only: Sequence[str]
    space: pictures.Space
    group: bool = True

    def pictures(self, section: str) -> tuple[list[Picture], list[str]]:
        """Figures of a section, and lines on those that were not drawn."""
        names = pictures.SECTIONS[section]
        return pictures.pictures_of(self.study, names, self.space, self.only[:MANY], self.group)

    def section(
        self, key: str, title: str, tables: Sequence[PageTable] = (), text: Sequence[str] = (), line: str = "",
        more: Sequence[Picture] = (),
    ) -> PageSection:  # fmt: skip
        """A section with its figures. line: what it says where there is neither a row nor a figure."""
        drawn, absent = self.pictures(key) if key in pictures.SECTIONS else ([], [])
        shown = [*drawn, *more]
        kept = [table for table in tables if table.rows]
        return PageSection(key, title, text, kept, shown, [*absence(kept, shown, line), *absent])


def group_sections(
    study: Study, decisions: dict[str, dict[str, HeldOut]], nodes: list[StageNode], run: ReportRun
) -> list[PageSection]:
    """All sections of the group page, in the order in which they are read. run: the folder of the page."""
    page = PageMaker(study, decisions, study.recordings, pictures.Space())
    every = [
        page.section(
            "data", "Data and quality",
            [data_tables.recordings_table(study, page.only), data_tables.filters_table(study, page.only)],
            [f"{study.source} is the source, whose spikes are translated; {study.target} is the target, whose spikes "
             "are predicted."],
            "The project has no report of the stage preprocess, and no table of quality.",
        ),
        _translation(page),
        page.section(
            "latents", "Latents", text=[f"What the translator passes from {study.source} to {study.target}: single "
            "dimensions of its latent trajectory, by decision."],
            line="No table of latents: no translator with latents was fitted, or the stage analyze was not run.",
        ),
        _decisions(page),
        page.section(
            "nested", "Nested models",
            [result_tables.nested_table(study, tested=True), result_tables.gain_table(study, page.only),
             result_tables.nested_table(study, tested=False)],
            line="No table of nested models: the stage nested_models was not run.",
        ),
        page.section("states", "States", line="No table of states: analysis.states names none."),
        page.section(
            "nulls", "Nulls",
            [result_tables.nulls_table(study, primary=True), result_tables.nulls_table(study, primary=False)],
            ["A null is the distribution of a score under data without the effect. A score that is not above it may "
             "come from drift, from the order of trials, or from chance."],
            "No table of nulls.",
        ),
        PageSection("power", "Power", (), [t for t in [result_tables.power_table(study)] if t.rows], (),
                    absence([result_tables.power_table(study)], [], "The evaluation has no numbers on power.")),
        _leaks(page),
        _findings(page),
    ]  # fmt: skip
    return [*every, *_further(page), settings_section(study), stages_section(nodes, run)]


def recording_sections(study: Study, decisions: dict[str, dict[str, HeldOut]], recording: str) -> list[PageSection]:
    """The sections of the page of one recording."""
    page = PageMaker(study, decisions, [recording], pictures.Space(), group=False)
    roc = decision_tables.roc_picture(study, recording)
    return [
        page.section(
            "data", "Data and quality",
            [data_tables.recordings_table(study, page.only), data_tables.filters_table(study, page.only)],
            line="The project has no report of the stage preprocess, and no table of quality.",
        ),
        page.section(
            "translation", "Translation",
            [result_tables.recording_scores_table(study, page.only),
             result_tables.beyond_linear_table(study, page.only),
             result_tables.gain_table(study, page.only),
             result_tables.measures_table(study, recording),
             result_tables.unit_scores_table(study, recording),
             result_tables.unit_gains_table(study, recording)],
            line="No translation of this recording was scored.",
        ),
        page.section(
            "decisions", "Decisions", [decision_tables.by_recording_table(study, page.decisions, page.only)],
            line="No decision of this recording was predicted.", more=[roc] if roc else [],
        ),
        _findings(page),
    ]  # fmt: skip


def _translation(page: PageMaker) -> PageSection:
    study = page.study
    tables = [
        result_tables.translation_table(study),
        result_tables.recording_scores_table(study, page.only),
        result_tables.beyond_linear_table(study, page.only),
    ]
    return page.section(
        "translation", f"Translation of {study.source} into {study.target}", tables, line="No model translated."
    )


def _decisions(page: PageMaker) -> PageSection:
    study = page.study
    tables = [
        decision_tables.scores_table(study),
        result_tables.tests_table(study, declared=True),
        decision_tables.by_recording_table(study, page.decisions, page.only),
        result_tables.tests_table(study, declared=False),
    ]
    return page.section("decisions", "Decisions and tests", tables, line="No model predicted decisions.")


def _leaks(page: PageMaker) -> PageSection:
    leakage = page.study.leakage
    checks = [
        TableRow([page.study.named(check), "yes" if leakage.get("passed") else "see the file"])
        for check in leakage.get("checks", [])
    ]
    parts = [value for value in leakage.values() if isinstance(value, dict) and "passed" in value]
    failed = [part for part in [leakage, *parts] if not part.get("passed")]
    text = [
        f"The check {'passed' if not failed else 'FAILED'} for {counted(len(leakage.get('models', [])), 'model')} and "
        f"{counted(len(parts), 'further set')} of fits, {number(leakage.get('trials'))} trials and "
        f"{number(leakage.get('folds'))} outer folds."
    ]
    table = PageTable("What was checked", ["check", "holds"], checks, source=page.study.evaluation.leakage.name)
    return page.section("leaks", "Leak checks", [table], text, "The evaluation has no leakage check.")


def _findings(page: PageMaker) -> PageSection:
    table = data_tables.findings_table(page.study, page.only)
    return page.section(
        "findings", "Findings: refused, left out or warned about", [table],
        line="Nothing was left out and no warning was given.",
    )  # fmt: skip


def _further(page: PageMaker) -> list[PageSection]:
    """Figures that no section names."""
    shown, _ = pictures.pictures_of(page.study, pictures.unplaced(), page.space, page.only[:MANY], page.group)
    return [PageSection("further", "Further figures", pictures=shown)] if shown else []


def settings_section(study: Study) -> PageSection:
    """Settings of params.yaml, versions of software, and digests of data and folds."""
    settings = [
        TableRow([f"{section}.{key}" if key else section, _plain(value)])
        for section, content in vars(study.sections).items()
        for key, value in (_entries(content) if not isinstance(content, int) else [("", content)])
    ]
    versions = [TableRow([package, version]) for package, version in package_versions().items()]
    digests = [
        TableRow([f"windows of {name}", digest(*map("=".join, sorted(about["files"].items())))], recording=name)
        for name, about in study.preparation.items()
        if about.get("files")
    ]
    if folds := study.leakage.get("split_hash"):
        digests.append(TableRow(["folds", str(folds)]))
    digests.append(TableRow(["settings", digest(*(f"{row.cells[0]}={row.cells[1]}" for row in settings))]))
    tables = [
        PageTable("Settings", ["key of params.yaml", "value"], settings, folded=True),
        PageTable(
            "Versions", ["software", "version"], versions, "Of the environment that wrote this page.", folded=True
        ),
        PageTable("Digests (SHA-256)", ["of", "digest"], digests, "Equal digests mean equal content.", folded=True),
    ]
    return PageSection("settings", "Settings, versions, digests", (), [table for table in tables if table.rows])


def _entries(content: object) -> list[tuple[str, object]]:
    values = content if isinstance(content, dict) else getattr(content, "model_dump")(mode="json")  # noqa: B009
    return list(values.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def stages_section(nodes: list[StageNode], run: ReportRun) -> PageSection:
    """The stages, what they read from each other, and their times."""
    if not nodes:
        return PageSection("stages", "How it was computed", absent=["The project has no dvc.yaml with stages."])
    picture = Picture(
        "stages", "Stages of the pipeline",
        Explanation(
            "Every stage that ran, from the recordings to this page; an arrow points from a stage to one that reads "
            "its results. Below the name: wall-clock time of its last run, of all models together where it runs once "
            "a model.",
            "A stage runs again only where something that it reads has changed. Times are of the machine that ran it, "
            "and are not recorded for stages that DVC took from its cache.",
        ),
        drawing=flow_drawing(nodes),
        files=[PageLink("SVG", run.stages_drawing.name)],
        tables=[PageLink(run.stages_table.name, run.stages_table.name)],
    )  # fmt: skip
    return PageSection("stages", "How it was computed", (), [flow_table(nodes)], [picture])
