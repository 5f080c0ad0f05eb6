"""The matrix: a cell a pair, a mark a claim, grey where nothing was run."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from spikebridge.figures import style
from spikebridge.sweep.figure import draw_sweep, matrix_of
from spikebridge.sweep.scores import COLUMNS
from spikebridge.types.verdicts import Verdict

REGIONS = ["hippocampus", "ACA", "PL2/3", "V"]


@pytest.fixture
def table() -> pd.DataFrame:
    """Everything predicts the first region, over recordings or in them; V was in too few recordings."""
    rows = []
    for k, (source, target) in enumerate(permutations(REGIONS, 2)):
        row = {"source": source, "target": target, "source_bits_per_spike": 0.01 * k, "communication_gain": 0.001 * k}
        row |= {"lag_s": 0.1 if k % 2 else -0.05, "verdict_code": Verdict.NOT_SIGNIFICANT.code, "test": "sign_flip"}
        if target == REGIONS[0]:
            row |= {"verdict_code": Verdict.SOURCE_PREDICTS_TARGET.code}
            row |= {"test": "trial_shuffle"} if source == "ACA" else {}
        if "V" in (source, target):
            code = "too_few_units" if source == "V" else "not_together"
            row = {"source": source, "target": target, "verdict_code": Verdict.LEFT_OUT.code, "left_out_code": code}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def figure(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Figure:
    kept: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure) or True)
    assert draw_sweep(table, REGIONS, 0.05, Path("a.png"))
    return kept[0]


def test_sources_are_rows_and_targets_are_columns(table: pd.DataFrame, figure: Figure) -> None:
    main, lag, gain = (axes for axes in figure.axes if axes.images)
    assert main.get_ylabel() == "source" and main.get_xlabel() == "target"
    assert [t.get_text() for t in main.get_yticklabels()] == REGIONS
    for axes, column in ((main, "source_bits_per_spike"), (gain, "communication_gain")):
        drawn = np.ma.filled(axes.images[0].get_array(), np.nan)
        np.testing.assert_array_equal(drawn, matrix_of(table, REGIONS, column))
    rows = table.set_index(["source", "target"])
    assert matrix_of(table, REGIONS, "lag_s")[0, 1] == rows.loc[("hippocampus", "ACA"), "lag_s"]
    lags = np.ma.filled(lag.images[0].get_array(), np.nan)
    assert {(int(i), int(j)) for i, j in np.argwhere(np.isfinite(lags))} == {(1, 0), (2, 0)}  # of claims alone
    assert lags[1, 0] == rows.loc[("ACA", "hippocampus"), "lag_s"]


def test_a_mark_for_each_claim_tells_where_it_holds(figure: Figure) -> None:
    main = figure.axes[0]
    marks = {(line.get_xdata()[0], round(line.get_ydata()[0])): line for line in main.lines if len(line.get_xdata())}
    assert set(marks) == {(0, 1), (0, 2)}
    assert marks[0, 1].get_markerfacecolor() == "white"  # in these recordings
    assert marks[0, 2].get_markerfacecolor() == style.PALETTE[1]  # over recordings
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "q ≤ 0.05 over recordings",
        "q ≤ 0.05 in these recordings",
        "u: not run, too few units",
        "r: not run, in too few recordings together",
    ]


def test_pairs_that_were_not_run_are_grey_with_their_reason(figure: Figure) -> None:
    main = figure.axes[0]
    squares = {(round(p.get_x() + 0.5), round(p.get_y() + 0.5)) for p in main.patches if isinstance(p, Rectangle)}
    assert squares == {(3, 0), (3, 1), (3, 2), (0, 3), (1, 3), (2, 3)}
    letters = {t.get_position(): t.get_text() for t in main.texts if t.get_text() in "ur"}
    assert letters[(0, 3)] == "u" and letters[(3, 0)] == "r"


def test_the_lag_has_zero_in_the_middle_and_is_a_dash_without_a_claim(figure: Figure) -> None:
    lag = next(axes for axes in figure.axes if axes.get_title(loc="left") == "lag of the target")
    norm = lag.images[0].norm
    assert norm(0.0) == 0.5 and norm.vmin == -norm.vmax
    dashes = {text.get_position() for text in lag.texts if text.get_text() == "–"}
    assert dashes == {(j, i) for i, j in permutations(range(3), 2) if j}


@pytest.mark.slow
def test_a_large_matrix_and_one_without_a_claim_are_drawn(tmp_path: Path) -> None:
    regions = [f"region {k}" for k in range(13)]
    rows = [{"source": a, "target": b, "source_bits_per_spike": -0.01, "verdict_code": "not_significant",
             "test": "sign_flip"} for a, b in permutations(regions, 2)]  # fmt: skip
    assert draw_sweep(pd.DataFrame(rows, columns=COLUMNS), regions, 0.05, tmp_path / "a.png")


def test_the_colour_bar_begins_at_zero(figure: Figure) -> None:
    main = next(axes for axes in figure.axes if axes.images)
    assert main.images[0].norm.vmin == 0.0
    assert any(isinstance(c, QuadMesh) for axes in figure.axes for c in axes.collections)
