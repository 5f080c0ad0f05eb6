"""The figure of the quality of units: every unit and limit, what was dropped for which reason, what was not judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_figures import figure_of, legend_of, panel
from fake_runs import Plan, make_study
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spikebridge.evaluation.tables import FILTERS, quality_tables
from spikebridge.figures.quality import CRITERIA, KEPT

Measured = tuple[pd.DataFrame, pd.DataFrame]
"""Units of one recording, and the limits."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The tables of a recording, read from CSV as the figure reads them."""
    folder = tmp_path_factory.mktemp("study")
    tables = quality_tables(make_study(folder, Plan(trials=30)).places[0])
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    table, limits = (pd.read_csv(folder / f"{name}.csv") for name in ("quality", "quality_limits"))
    return table[table["recording"] == "rat1_day2"], limits[limits["recording"] == "rat1_day2"]


def quality_figure(folder: Path, table: pd.DataFrame, limits: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Figure:
    table.to_csv(folder / "quality.csv", index=False)
    limits.to_csv(folder / "quality_limits.csv", index=False)
    if not (folder / "quality_filters.csv").exists():
        pd.DataFrame(columns=FILTERS).to_csv(folder / "quality_filters.csv", index=False)
    return figure_of("quality", folder, monkeypatch, page="rat1_day2")


def dots_of(axes: Axes) -> np.ndarray:
    return np.concatenate([c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)])


def medians_of(axes: Axes) -> list[float]:
    return [float(line.get_xdata()[0]) for line in axes.lines if line.get_linewidth() == 2]


def test_quality_shows_every_unit_and_limit_of_one_recording(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, limits = measured
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert titles == ["units kept", "mean rate", "refractory period", "presence", "drift"]
    columns = ["rate_hz", "isi_violations_ratio", "presence_ratio", "rate_change"]
    for axes, column in zip(drawn.axes[1:], columns, strict=True):
        expected = np.sort(table[column].dropna())
        shown = np.sort(dots_of(axes)[:, 0])
        assert len(shown) == len(expected)
        assert np.allclose(shown[expected > 0], expected[expected > 0])
    rate = panel(drawn, "mean rate")
    assert [0.1, 0.1] in [list(line.get_xdata()) for line in rate.lines if line.get_linestyle() == "--"]
    assert [t.get_text() for t in rate.texts] == ["limit 0.1 Hz"]


def test_quality_median_is_of_kept_units(measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limits = measured
    order = np.arange(len(table))
    kept = order % 3 > 0
    table = table.assign(region="PFC", role="target", kept=kept, rate_hz=np.where(kept, 5.0 + order % 2, 0.01))
    table = table.assign(reason=np.where(kept, "", "rate below 0.1 Hz"), reasons="the figure does not read them")
    table = table.assign(criterion=np.where(kept, "", "data.min_rate_hz"))
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    assert medians_of(panel(drawn, "mean rate")) == [np.quantile(table["rate_hz"][kept], 0.5, method="inverted_cdf")]
    assert [t.get_text() for t in panel(drawn, "units kept").texts] == [f"{kept.sum()} of {len(kept)}"]
    assert legend_of(drawn)[:2] == [f"kept: {kept.sum()}", f"dropped, rate below 0.1 Hz: {(~kept).sum()}"]


def test_regions_stand_by_role_then_name(measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limits = measured
    regions = np.resize(["V1", "PL", "ACA", "CA1"], len(table))
    role = pd.Series(regions, index=table.index).map({"PL": "target", "ACA": "target", "CA1": "source"})
    table = table.assign(region=regions, role=role, kept=role.notna(), criterion="", reason="", reasons="")
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert names == ["CA1 (source)", "ACA (target)", "PL (target)", "V1 (not used)"]
    assert f"not used: {(regions == 'V1').sum()}" in legend_of(drawn)


def test_the_axis_is_broken_before_zero(measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limits = measured
    ratio = np.where(np.arange(len(table)) % 2, 0.0, 0.2)
    drawn = quality_figure(tmp_path, table.assign(isi_violations_ratio=ratio), limits, monkeypatch)
    axes = panel(drawn, "refractory period")
    zero = axes.get_xticks()[0]
    slashes = [float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "$//$"]
    assert axes.get_xticklabels()[0].get_text() == "0"
    assert len(slashes) == 1
    assert zero < slashes[0] < 0.2
    assert (dots_of(axes)[:, 0] == zero).sum() == (ratio == 0).sum()
    edges = sorted({round(bar.get_x(), 9) for bar in axes.patches})
    assert min(abs(edge - 0.5) for edge in edges) < 1e-6  # no bar lies on both sides of the limit
    assert sum(bar.get_height() != 0 for bar in axes.patches) >= 2


def test_quality_groups_and_colours_by_criterion_and_shows_the_reason_in_the_legend_alone(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, limits = measured
    dropped = np.arange(len(table)) % 2 == 0
    words = np.where(dropped, "in other words", "")
    table = table.assign(kept=~dropped, criterion=np.where(dropped, "data.min_rate_hz", ""), reason=words)
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    n = int(dropped[(table["recording"] == "rat1_day2").to_numpy()].sum())
    assert f"dropped, in other words: {n}" in labels
    colours = {to_hex(bar.get_facecolor()).upper() for bar in panel(drawn, "units kept").patches if bar.get_width()}
    assert colours == {KEPT.upper(), CRITERIA["data.min_rate_hz"].upper()}


def test_quality_says_what_was_not_judged_and_why(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, limits = measured
    table = table.assign(isi_violations_ratio=np.nan, presence_ratio=np.nan, amplitude_cutoff=0.05)
    limits = limits.assign(note=np.where(limits["column"] == "presence_ratio", "too short", ""))
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["units kept", "mean rate", "drift", "missed spikes"]
    title = drawn.legends[0].get_title().get_text()
    assert title == "Not judged: refractory period; not judged: presence (too short)"
    assert panel(drawn, "missed spikes").get_xlabel().endswith(f"all {len(table)} units: 0.05")


def test_quality_says_what_the_labels_of_sorters_did(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        ["rat1_day2", "quality.sorter_labels", True, 8, 6, 2, "from column quality"],
        ["rat1_day2", "quality.max_amplitude_cutoff", True, 8, 0, 0, "no units column amplitude_cutoff"],
        ["another", "quality.sorter_labels", True, 8, 8, 8, ""],
    ]
    pd.DataFrame(rows, columns=FILTERS).to_csv(tmp_path / "quality_filters.csv", index=False)
    drawn = quality_figure(tmp_path, *measured, monkeypatch)
    title = drawn.legends[0].get_title().get_text().replace("\n", " ")
    assert title.endswith(
        "Sorter labels: 6 of 8 units judged, 2 dropped (from column quality); "
        "amplitude cutoff: no unit judged (no units column amplitude_cutoff)"
    )
