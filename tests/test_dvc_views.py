"""What DVC shows of a finished project: one line of metrics, one screen of experiments, plots without a network."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from browser import browser
from fake_project import DOT
from import_graph import ROOT

import dvc_plots_page
import pipeline_graph
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER, EvaluationRun
from spikebridge.artifacts.figures import FIGURES_FOLDER, FigureRun, formats_of

SCREEN = 120
"""Columns of a terminal."""
SUMMARY = {
    "bacc": 0.8125, "bacc_lo": 0.7013, "bacc_hi": 0.8989, "peer": 0.6651, "p_holm": 0.1875,
    "bits": 0.4009, "bits_lo": 0.3482, "bits_hi": 0.4553, "peer_bits": 0.3768,
}  # fmt: skip
SCORES = [("seq2seq", "balanced_accuracy", 0.8123, 0.7013, 0.8989), ("seq2seq", "auc", 0.9067, 0.8434, 0.9495)]
BITS = [("seq2seq", "rat1_day1", 0.3873, 0.3478, 0.429), ("ridge", "rat1_day1", 0.3411, 0.325, 0.357)]
CURVES = [("seq2seq", fold, epoch, round(0.7 - 0.1 * epoch, 1)) for fold in ("0", "full") for epoch in range(3)]
FIGURES = [entry for entry in yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["plots"] if isinstance(entry, str)]
"""Images that `dvc plots` shows below the plots."""
TRIALS = {("skip", "skip"): 28, ("skip", "stay"): 7, ("stay", "skip"): 9, ("stay", "stay"): 36}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with the views of dvc.yaml, the tables that they show, and hundreds of files beside them."""
    folder = tmp_path_factory.mktemp("views")
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    views = {key: content[key] for key in ("metrics", "plots")}
    code = [f"src/module_{i}.py" for i in range(100)]
    views["stages"] = {"evaluate": {"cmd": "true", "deps": code, "params": ["seed"], "outs": ["reports/made.txt"]}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(views, sort_keys=False), encoding="utf-8")
    (folder / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    (folder / "src").mkdir()
    for name in code:
        (folder / name).write_text(name, encoding="utf-8")
    run = EvaluationRun(folder / EVALUATION_FOLDER)
    run.folder.mkdir(parents=True)
    run.write_summary(SUMMARY)
    rows = [("seq2seq", "rat1_day1", i, *pair) for pair, n in TRIALS.items() for i in range(n)]
    ends = ["value", "ci_low", "ci_high"]
    run.write_tables(
        {
            "scores": pd.DataFrame(SCORES, columns=["model", "metric", *ends]),
            "bits_per_spike": pd.DataFrame(BITS, columns=["model", "recording", *ends]),
            "learning_curves": pd.DataFrame(CURVES, columns=["model", "fold", "epoch", "valid_loss"]),
            "decisions": pd.DataFrame(rows, columns=["model", "recording", "trial", "label", "predicted"]),
        }
    )
    FigureRun(folder / FIGURES_FOLDER).folder.mkdir()
    for name in FIGURES:
        for image in formats_of(folder / name).values():
            image.write_bytes(base64.b64decode(DOT))
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "params.yaml").write_text("seed: 2\n", encoding="utf-8")
    run.write_summary(SUMMARY | {"bacc": 0.75})
    return folder


def dvc(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    environment = {**os.environ, "COLUMNS": str(SCREEN)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "failed to load" not in done.stderr, done.stderr
    return done.stdout


def test_metrics_fit_on_one_line(project: Path) -> None:
    head, line = dvc(project, "metrics", "show").splitlines()
    assert len(head) <= SCREEN
    assert line.split()[1:] == [f"{v:g}" for _, v in sorted((SUMMARY | {"bacc": 0.75}).items())]
    assert json.loads(dvc(project, "metrics", "show", "--json"))[""]["data"].keys() == {
        (EVALUATION_FOLDER / "summary.json").as_posix()
    }


def test_experiments_fit_on_one_screen(project: Path) -> None:
    """The command of `make experiments`: the scores and what differs, and none of the files."""
    rule = next(t for t in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "dvc exp show" in t)
    table = dvc(project, *[word.strip("'").replace("$$", "$") for word in rule.split()[1:]])
    lines = table.splitlines()
    assert max(map(len, lines)) <= SCREEN
    shown = {"bacc", "bacc_lo", "bacc_hi", "p_holm", "bits"}  # also those that are the same in all rows
    assert set(lines[1].split()) == {"Experiment", "Created", *shown, "seed"}
    assert "module_1" not in table
    rows = {line.split()[0]: line for line in lines[3:-1]}
    assert "0.75" in rows["workspace"]
    assert "0.8125" in rows["master" if "master" in rows else "main"]


def test_graph_of_the_docs_is_that_of_dvc() -> None:
    """The arrows of the page lead from a stage to the same stages as in DVC, directly or not."""
    import networkx
    from dvc.repo import Repo

    assert pipeline_graph.main(["--check"]) == 0, "python scripts/pipeline_graph.py"
    edges = pipeline_graph.reduced(pipeline_graph.graph())
    with Repo(str(ROOT)) as repo:
        known = repo.index.graph
        wanted = {
            (str(b.name).split("@")[0], str(a.name).split("@")[0])  # DVC's arrows lead from a stage to what it reads
            for a in known
            for b in networkx.descendants(known, a)
            if hasattr(a, "name") and hasattr(b, "name")
        }
    assert {(a, b) for a in edges for b in pipeline_graph.after(edges, a)} == wanted
    assert not [(a, b) for a in edges for b in edges[a] for c in edges[a] if b in pipeline_graph.after(edges, c)]


@pytest.fixture(scope="module")
def page(project: Path) -> Path:
    """What `dvc plots show` writes in a project whose page with the library was made as `make environment` makes it."""
    pytest.importorskip("vl_convert", reason="needs vl-convert-python, which carries the plotting library")
    assert dvc_plots_page.main([str(project)]) == 0
    dvc(project, "plots", "show")
    return project / "dvc_plots" / "index.html"


def test_images_below_the_plots_are_figures() -> None:
    drawn = {path.stem for path in (ROOT / "src" / "spikebridge" / "figures").glob("*.py")}
    assert {Path(name).stem for name in FIGURES} <= drawn
    assert {Path(name).suffix for name in FIGURES} == {".png"}, "DVC draws no PDF, and would show an SVG beside its PNG"


@pytest.mark.slow
def test_plots_are_drawn_without_a_network(page: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        window.open(page.as_uri())
        text = window.wait_for("loss of validation trials")
        labels: dict[str, list[str]] = window.run(LABELS)
        assert window.messages() == []
        widths = window.run("return [...document.images].map(image => image.naturalWidth)")
        assert [a for a in window.requests() if a.startswith(("http:", "https:", "ws:", "wss:"))] == []
    assert widths == [1] * len(FIGURES)
    for words in ("balanced_accuracy", "rat1_day1", "all trials", "fold 0", "predicted decision"):
        assert words in text
    drawn = {name: {label.replace("\u2212", "-") for label in of_plot} for name, of_plot in labels.items()}
    for plot, rows in (("scores_with_intervals", SCORES), ("translation_of_each_recording", BITS)):
        shown = {label for label in drawn[plot] if "shown:" in label}
        assert shown == {
            f"value: {value}; row: {model}; shown: {value:.3f} [{low:.3f}, {high:.3f}]"
            for model, _, value, low, high in rows
        }
        lines = {label.split(": ", 1)[1] for label in drawn[plot] if "ci_high:" in label}
        assert lines == {
            f"{low}; row: {model}; ci_high: {high}; revision: workspace" for model, _, _, low, high in rows
        }
    of = {label: sum(n for (true, _), n in TRIALS.items() if true == label) for label in ("skip", "stay")}
    assert {label for label in drawn["predicted_and_true_decisions__held-out_trials"] if "shown:" in label} == {
        f"predicted decision: {predicted}; true decision: {true}; shown: {n} of {of[true]}"
        for (true, predicted), n in TRIALS.items()
    }
    assert {label for label in drawn["learning_curves"] if label.startswith("epoch:")} == {
        f"epoch: {epoch}; loss of validation trials: {loss}; fit: {'all trials' if fold == 'full' else f'fold {fold}'}"
        for _, fold, epoch, loss in CURVES
    }


@pytest.mark.slow
def test_two_revisions_are_drawn_in_one_plot(page: Path, project: Path, tmp_path: Path) -> None:
    changed = pd.DataFrame(
        [("seq2seq", "auc", 0.5, 0.4, 0.6)], columns=["model", "metric", "value", "ci_low", "ci_high"]
    )
    EvaluationRun(project / EVALUATION_FOLDER).write_tables({"scores": changed})
    dvc(project, "plots", "diff", "HEAD", "--out", "diff")
    with browser(tmp_path) as window:
        window.open((project / "diff" / "index.html").as_uri())
        window.wait_for("loss of validation trials")
        labels = window.run(LABELS)["scores_with_intervals"]
        assert window.messages() == []
    assert "value: 0.5; row: seq2seq; shown: 0.500 [0.400, 0.600]" in labels
    assert any("value: 0.9067; row: seq2seq · HEAD; shown: 0.907" in label for label in labels), labels


LABELS = """
const labels = {};
for (const element of document.querySelectorAll("svg [aria-label]")) {
  const plot = element.closest("div[id]").id;
  labels[plot] = [...(labels[plot] || []), element.getAttribute("aria-label")];
}
return labels;
"""
"""What each mark of a plot says to a reader of screens: its values, as Vega drew them."""
