"""The methods name what ran, in three forms, and cite papers that the .bib file has."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_project import HOSTILE, written

from spikebridge.artifacts.report import ReportRun
from spikebridge.report import methods_text
from spikebridge.report.methods import END, NAME, methods
from spikebridge.report.references import PAPERS, bibliography
from spikebridge.report.study import Study
from spikebridge.report.versions import package_versions


def plain(study: Study) -> str:
    return " ".join(methods(study)).replace(NAME, "").replace(END, "")


def test_what_ran_is_named(study: Study) -> None:
    text = plain(study)
    for part in (
        "2 recordings of 2 animals",
        HOSTILE,
        "9 trials (4 skip, 5 stay), 5 HC units and 4 PFC units",
        "bins of 250 ms",
        "from -2 to 0 s around decision_time",
        "2 outer folds that hold out contiguous blocks of trials",
        "10 Optuna trials",
        "seq2seq (a recurrent sequence-to-sequence network",
        "random forest (a random forest",
        "6 trials (no choice)",
        "4 units (rate below 0.1 Hz)",
        "sign flips",
        "Intervals cover 95% and come from 10000 draws",
        f"spikebridge {package_versions()['spikebridge']}",
        "seed 1",
    ):
        assert part in text, part


def test_settings_change_the_text(study: Study) -> None:
    s = study.sections
    changed = replace(
        s,
        bins=s.bins.model_copy(update={"width_s": 0.02}),
        split=s.split.model_copy(update={"by": "animal", "n_outer_folds": 7}),
        tune=s.tune.model_copy(update={"n_trials": 33}),
        trials=s.trials.model_copy(update={"include": "correct == 1"}),
        data=s.data.model_copy(update={"path": "mine"}),
    )
    text = plain(Study(changed, study.project))
    for part in ("bins of 20 ms", "7 outer folds that hold out whole animals", "33 Optuna trials", "correct == 1"):
        assert part in text
    assert "simulated" not in text
    assert "simulated" in plain(study)


def test_a_model_that_did_not_run_is_not_named(study: Study) -> None:
    content = study.metrics
    del content["models"]["random_forest"]
    del content["translation"]["ridge"]
    study.evaluation.write_metrics(content)
    text = plain(Study(study.sections, study.project))
    assert "random forest" not in text
    assert "ridge regression" not in text
    assert "breiman2001" not in text


def test_every_citation_is_in_the_bibliography(project: Path) -> None:
    run = ReportRun(written(project).parent)
    bib = set(re.findall(r"^@\w+\{(\w+),", run.references.read_text(encoding="utf-8"), re.MULTILINE))
    markdown = set(re.findall(r"@([a-z]+\d{4})", run.methods_markdown.read_text(encoding="utf-8")))
    cited = re.findall(r"\\cite\{([^}]*)\}", run.methods_latex.read_text(encoding="utf-8"))
    assert bib == markdown == {key for keys in cited for key in keys.split(",")}
    assert len(bib) > 8
    page = run.index.read_text(encoding="utf-8")
    assert "[@" not in page
    assert "(Holm 1979)" in page


@pytest.mark.parametrize("key", PAPERS)
def test_papers_have_what_a_reference_needs(key: str) -> None:
    entry = bibliography([key])
    assert PAPERS[key].fields["year"] in key
    assert PAPERS[key].fields["year"] in PAPERS[key].short
    assert entry.count("{") == entry.count("}")
    assert PAPERS[key].text().endswith(".")


def test_names_are_escaped_for_each_form() -> None:
    text = [f"A {NAME}rat_1 50% <b>&*#{END} ran at 95% [@holm1979; @hill2011]."]
    assert methods_text.html_paragraphs(text) == [
        "A rat_1 50% &lt;b&gt;&amp;*# ran at 95% (Holm 1979; Hill et al. 2011)."
    ]
    latex = methods_text.latex(text)
    assert r"A rat\_1 50\% \textless{}b\textgreater{}\&*\# ran at 95\% \cite{holm1979,hill2011}." in latex
    markdown = methods_text.markdown(text)
    assert r"\<b\>\&\*\#" in markdown
    assert "[@holm1979; @hill2011]" in markdown
    assert methods_text.cited(text) == ["hill2011", "holm1979"]


def test_the_files_are_under_cc0(project: Path) -> None:
    run = ReportRun(written(project).parent)
    for path in (run.methods_markdown, run.methods_latex, run.index):
        assert "CC0 1.0" in path.read_text(encoding="utf-8")
