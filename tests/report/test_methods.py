"""The methods name what ran, in three forms, and cite papers that the .bib file has."""

from __future__ import annotations

import re
import shutil
import subprocess
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
        "from −2 to 0 s around decision_time",
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


HARD = 'a_b&c%d$e#f{g}h~i^j\\k<l>m|n"o--p α≤²é\n(β)'
"""The name of a recording with every character that LaTeX reads as a command."""
COMMANDS = {
    "section", "cite", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    "textasciigrave", "textsuperscript", "leq", "geq", "times", "pm", "rightarrow", "circ", "mu", "alpha", "beta",
    "gamma", "delta", "theta", "ldots",
}  # fmt: skip


def latex_problems(text: str) -> list[str]:
    """What LaTeX would stop at: unknown commands, braces that do not match, bare special characters."""
    text = re.sub(r"(?<!\\)%.*", "", text)  # comments
    problems = [f"\\{c}" for c in re.findall(r"\\([A-Za-z]+)", text) if c not in COMMANDS]
    text = re.sub(r"\\(?:[A-Za-z]+\*?|.)", "", text)  # commands and escaped characters
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            problems.append("}")
            depth = 0
    text = re.sub(r"\$[^$]*\$", "", text)
    return problems + ["{"] * depth + re.findall(r"[#&_^~$%]", text)


@pytest.fixture
def hard(study: Study) -> Study:
    """A study whose recordings have names that LaTeX would stumble over."""
    study.__dict__["recordings"] = [HARD, "plain"]
    study.__dict__["preparation"] = {HARD: next(iter(study.preparation.values()))}
    return study


def test_latex_is_well_formed_with_any_name(hard: Study) -> None:
    text = methods_text.latex(methods(hard))
    assert latex_problems(text) == []
    assert r"a\_b\&c\%d\$e\#f\{g\}h\textasciitilde{}i" in text
    assert latex_problems("a_b") == ["_"] and latex_problems(r"\input{a") == [r"\input", "{"]


@pytest.mark.slow
def test_latex_compiles(hard: Study, tmp_path: Path) -> None:
    """With the plain style of references, in a document without packages."""
    if shutil.which("pdflatex") is None or shutil.which("bibtex") is None:
        pytest.skip("needs LaTeX (on Debian: apt-get install --no-install-recommends texlive-latex-base)")
    paragraphs = methods(hard)
    (tmp_path / "methods.tex").write_text(methods_text.latex(paragraphs), encoding="utf-8")
    (tmp_path / "methods.bib").write_text(bibliography(PAPERS), encoding="utf-8")
    page = r"\documentclass{article}\begin{document}\input{methods}\bibliographystyle{plain}\bibliography{methods}"
    (tmp_path / "paper.tex").write_text(page + "\n" + r"\end{document}" + "\n", encoding="utf-8")
    latex = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper"]
    for command in (latex, ["bibtex", "paper"], latex, latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert "undefined" not in log and "Missing character" not in log
    assert "Warning--" not in (tmp_path / "paper.blg").read_text(encoding="utf-8")
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")


def test_the_files_are_under_cc0(project: Path) -> None:
    run = ReportRun(written(project).parent)
    for path in (run.methods_markdown, run.methods_latex, run.index):
        assert "CC0 1.0" in path.read_text(encoding="utf-8")
