"""Writes the pages and the methods into a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from spikebridge.artifacts.report import ReportRun
from spikebridge.report import methods_text
from spikebridge.report.answer import five_sentences, key_numbers
from spikebridge.report.content import PageLink, PageSection
from spikebridge.report.decision_tables import held_out_decisions, predictions_place
from spikebridge.report.flow import stage_nodes, write_flow
from spikebridge.report.methods import LICENCE, methods
from spikebridge.report.pictures import table_link
from spikebridge.report.references import PAPERS, bibliography
from spikebridge.report.sections import group_sections, recording_sections
from spikebridge.report.study import ReportSections, Study

TEMPLATES = Path(__file__).with_name("templates")
GROUP, RECORDING = "group.html.jinja", "recording.html.jinja"
STYLE, SCRIPT = "style.css", "filter.js"


def write_report(sections: ReportSections, project: Path, folder: Path, times: Mapping[str, float]) -> Path:
    """Write the pages and the methods of a project.

    Parameters
    ----------
    sections : ReportSections
        The settings that the results were made with.
    project : Path
        The folder of params.yaml, with reports/evaluation and reports/figures.
    folder : Path
        Gets the files; see `artifacts.report`.
    times : mapping of str to float
        Stage -> seconds of its last run, where they are recorded.

    Returns
    -------
    Path
        The group page.

    Raises
    ------
    DataError
        Where nothing has been evaluated yet, or a file cannot be read.
    """
    study = Study(sections, project)
    study.check()
    folder.mkdir(parents=True, exist_ok=True)
    run, environment = ReportRun(folder), _environment(study)
    decisions = held_out_decisions(study)
    paragraphs = methods(study)
    nodes = [
        replace(node, purpose=study.named(node.purpose))
        for node in stage_nodes(project, sections.models, sections.data.path, times)
    ]
    shared: dict[str, Any] = {"study": study, "style": Markup(_text(STYLE)), "script": Markup(_text(SCRIPT))}
    pages = [PageLink(name, quote(run.page(name).name)) for name in study.recordings]
    if nodes:
        write_flow(nodes, run)
    group = group_sections(study, decisions, nodes, run)
    _write(
        environment, GROUP, run.index, sections=group, pages=pages, answers=five_sentences(study),
        numbers=key_numbers(study), models=_filtered_models(group), paragraphs=methods_text.html_paragraphs(paragraphs),
        papers=[PAPERS[key].text() for key in methods_text.cited(paragraphs)], licence=LICENCE,
        methods_files=[run.methods_markdown.name, run.methods_latex.name, run.references.name],
        predictions=predictions_place(), **shared,
    )  # fmt: skip
    for name in study.recordings:
        own = recording_sections(study, decisions, name)
        _write(
            environment, RECORDING, run.page(name), sections=own, recording=name, pages=pages, home=run.index.name,
            models=_filtered_models(own), **shared,
        )  # fmt: skip
    run.methods_markdown.write_text(methods_text.markdown(paragraphs), encoding="utf-8")
    run.methods_latex.write_text(methods_text.latex(paragraphs), encoding="utf-8")
    run.references.write_text(bibliography(methods_text.cited(paragraphs)), encoding="utf-8")
    return run.index


def _filtered_models(sections: Sequence[PageSection]) -> list[str]:
    """Models that rows of a table belong to, in the order of their first row."""
    rows = (row for section in sections for table in section.tables for row in table.rows)
    return list(dict.fromkeys(row.model for row in rows if row.model))


def _environment(study: Study) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = study.shown
    environment.filters["table_link"] = partial(table_link, study.evaluation.folder)
    return environment


def _write(environment: jinja2.Environment, template: str, path: Path, **content: Any) -> None:
    path.write_text(environment.get_template(template).render(**content), encoding="utf-8")


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
