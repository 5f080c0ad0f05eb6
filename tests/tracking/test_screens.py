"""MLflow's pages in a browser: what a person reads on each screen between `spikebridge ui` and the registered model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import fake_project
import pytest
from browser import PATIENCE_S, Browser, browser
from mlflow_ui import CELLS, ROWS, Ui, serving

pytestmark = pytest.mark.slow
MODELS = sorted({*fake_project.DECIDING, *fake_project.TRANSLATING})
SCORES = {name: 0.5 + 0.01 * i for i, name in enumerate(fake_project.DECIDING)}
"""Of the fake project: the same number is balanced accuracy, AUC and log loss."""
BARS = """
return [...document.querySelectorAll("[data-testid=experiment-view-compare-runs-card]")].slice(0, 4).map(card => [
  card.innerText.split("\\n")[0], [...card.querySelectorAll("svg .bartext")].map(text => text.textContent)]);
"""
"""Title and numbers of the first four charts."""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all pages, wide enough for the table of runs."""
    with browser(tmp_path_factory.mktemp("browser"), 2800, 1400) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(finished: Any, window: Browser) -> Iterator[Ui]:
    """The UI of a finished project. Needs the browser first: without one, nothing is started."""
    with serving(finished) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_from_elsewhere(window: Browser) -> Iterator[None]:
    """Each test opens its page afresh, and no page asks another machine for anything."""
    window.open("about:blank")
    window.requests()
    yield
    asked = [address for address in window.requests() if address.startswith(("http", "ws"))]
    assert asked
    assert [address for address in asked if not address.startswith(("http://127.0.0.1", "ws://127.0.0.1"))] == []


def read(window: Browser, script: str, shows: str) -> Any:
    """What a script reads, once that has these words: a page draws its parts one after the other."""
    ends, content = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < ends:
        content = window.run(script)
        if shows in str(content):
            return content
        time.sleep(0.3)
    raise TimeoutError(f"expected {shows!r}, got {str(content)[-2000:]}")


def test_the_first_table_has_scores_with_intervals_without_a_click(window: Browser, served: Ui) -> None:
    window.open(served.links()["Models with their scores"])
    window.wait_for("bits_per_spike")
    window.wait_for("random_forest")
    rows: list[dict[str, Any]] = window.run(CELLS)
    runs = [row for row in rows if row.get("metrics.`balanced_accuracy`")]
    shown = {next(n for n in MODELS if n in row["attributes.`Run Name`"]): row for row in runs}
    assert set(shown) == set(MODELS)
    for name, row in shown.items():
        score = [row[f"metrics.`balanced_accuracy{end}`"] for end in ("", "_ci_low", "_ci_high")]
        if name in SCORES:
            value = SCORES[name]
            assert [float(text) for text in score] == pytest.approx([value, value - 0.1, value + 0.1])
        else:
            assert score == ["-", "-", "-"]
        bits = row["metrics.`bits_per_spike`"]
        assert (float(bits) == pytest.approx(0.05)) if name in fake_project.TRANSLATING else (bits == "-")
        assert row.get("duration", "") in {"", "-"}, "these runs trained nothing here"
    assert list(shown) == [*reversed(fake_project.DECIDING), "ridge"], "sorted by balanced accuracy"


def test_the_charts_open_on_the_scores(window: Browser, served: Ui) -> None:
    window.open(served.links()["The same as charts"])
    window.wait_for("Scores(4)")
    bars = dict(read(window, BARS, "['log_loss', ['"))
    values = [f"{score:.2f}" for score in SCORES.values()]
    assert bars == {
        "balanced_accuracy": values, "bits_per_spike": ["0.05", "0.05"], "auc": values, "log_loss": values,
    }  # fmt: skip


def test_four_compared_runs_open_on_their_scores(window: Browser, served: Ui) -> None:
    runs = served.runs("model")
    window.open(served.comparison([runs[name] for name in SCORES]))
    read(
        window, "return [...document.querySelectorAll('svg .axis-title')].map(e => e.textContent)", "balanced_accuracy"
    )
    axes = window.run("return [...document.querySelectorAll('svg .axis-title')].map(e => e.textContent)")
    assert axes == ["Model", "Predicts", "Tuning", "balanced_accuracy"]
    ticks = window.run("return [...document.querySelectorAll('svg .tick text')].map(e => e.textContent)")
    assert {name[:10] for name in SCORES} <= set(ticks), "the lines are named"
    table = {row[0]: row[1:] for row in window.run(ROWS) if row}
    assert table["Run Name:"] == list(SCORES)
    assert table["Duration:"] == ["(unknown)"] * 4, "these runs trained nothing here"
    assert table["Predicts"] == ["both", "decision", "decision", "decision"]
    assert table["Tuning"] == ["3 trials", "3 trials", "3 trials", "none"]
    lines = window.run("return document.body.innerText.split('\\nMetrics\\n')[1].split('\\n')")
    assert [float(lines[i + lines.index("0.5")]) for i in range(4)] == pytest.approx(list(SCORES.values())), lines


def test_the_page_of_a_model_has_its_scores_parameters_and_data(window: Browser, served: Ui) -> None:
    window.open(served.run_page(served.runs("model")["seq2seq"]))
    window.wait_for("inner_balanced_accuracy")
    rows = read(window, ROWS, "Parameter")
    table = {row[0]: row[1] for row in rows if len(row) == 2}
    assert table["balanced accuracy"] == "0.500 [0.400, 0.600]", "in the description"
    names = [row[0] for row in rows if len(row) == 2]
    first = names[names.index("Metric") + 1 :][:6]
    assert first == [
        f"{score}{end}" for score in ("balanced_accuracy", "bits_per_spike") for end in ("", "_ci_low", "_ci_high")
    ]
    assert [float(table[name]) for name in first] == pytest.approx([0.5, 0.4, 0.6, 0.05, -0.05, 0.15])
    assert (table["Model"], table["width"]) == ("seq2seq", "16")
    digest = served.at.client.get_run(served.runs("model")["seq2seq"]).data.tags["data_hash"][:36]
    assert f"trials of data/simulated ({digest})" in window.text()


def test_the_page_of_the_execution_begins_with_the_answer(window: Browser, served: Ui) -> None:
    (run_id,) = served.runs("execution").values()
    window.open(served.run_page(run_id))
    text = window.wait_for("no_information_rate")
    assert "seq2seq decides with a balanced accuracy of 0.500 [0.400, 0.600]; against majority: seq2seq better" in text
    scores = {row[0]: row[1:] for row in window.run(ROWS) if len(row) == 7}
    assert scores["dnn"] == [*["0.520 [0.420, 0.620]"] * 4, "–", "0.600"]
    assert scores["ridge"][4] == "0.050 [-0.050, 0.150]"
    answer = window.run(
        "const p = [...document.querySelectorAll('p')].find(e => e.textContent.includes('decides with'));"
        "const box = p.getBoundingClientRect(); return [box.top, box.height]"
    )
    assert 0 < answer[0] < 400 and answer[1] > 0, "seen at once"


def test_the_comparison_is_a_table_in_the_viewer_of_mlflow(window: Browser, served: Ui) -> None:
    (run_id,) = served.runs("execution").values()
    window.open(served.run_page(run_id, "artifacts/comparisons.json"))
    window.wait_for("View as table")
    head, *rows = [row for row in read(window, ROWS, "translation_from_source") if len(row) > 9]
    assert head[:9] == ["family", "model_a", "model_b", "estimate", "ci_low", "ci_high", "p_holm", "verdict", "role"]
    assert ["above_majority", "dnn", "majority", "0.1", "0", "0.2", "0.01", "dnn better", "primary"] in [
        r[:9] for r in rows
    ]
    assert len(rows) == len(fake_project.DECIDING) - 1 + len(fake_project.TRANSLATING) + 1


def test_the_report_and_the_figures_are_shown(window: Browser, served: Ui) -> None:
    (run_id,) = served.runs("execution").values()
    window.open(served.run_page(run_id, "artifacts/report/index.html"))
    read(window, "return [...document.querySelectorAll('iframe')].map(frame => frame.src)", "blob:")
    window.call("frame", id=window.call("element", using="css selector", value="iframe"))
    try:
        assert "The report of the study" in window.wait_for("The report")
    finally:
        window.call("frame", id=None)
    window.open("about:blank")
    window.open(served.run_page(run_id, "artifacts/figures/forest.png"))
    window.wait_for("forest.png")
    read(window, "return [...document.images].map(i => [i.naturalWidth, i.src.slice(0, 5)])", "[1, 'blob:']")


def test_the_registered_model_is_described_with_its_champion(window: Browser, served: Ui) -> None:
    window.open(served.links()["Registered models"])
    (listed,) = [row for row in read(window, ROWS, "champion") if row and row[0] == "spikebridge"]
    assert listed[1:3] == ["Version 1", "@\N{NO-BREAK SPACE}champion: Version 1"]
    window.open(f"{served.address}/#/models/spikebridge")
    text = window.wait_for("outer_balanced_accuracy")
    assert "Predicts choice from HC spikes." in text
    assert 'spikebridge.load("models:/spikebridge@champion")' in text
    window.open(f"{served.address}/#/models/spikebridge/versions/1")
    text = window.wait_for("Scores, out of fold")
    assert "All gates passed. Chosen among seq2seq, random_forest, dnn, majority" in text
    assert "champion" in text
    card = {row[0]: row[1] for row in window.run(ROWS) if len(row) == 2}
    assert card["balanced accuracy"] == "0.510 [0.410, 0.610]"
