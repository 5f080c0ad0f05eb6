"""What single figures show: the values of the tables, the right marks, and what is missing said so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_figures import figure_of, legend_of, note_of, panel
from matplotlib.collections import QuadMesh

from spikebridge import figures
from spikebridge.artifacts.evaluation_tables import read_table, table_path
from spikebridge.errors import DataError
from spikebridge.figures import style
from spikebridge.types.verdicts import Verdict


def test_nulls_show_every_score_against_its_range(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_table(tables, "nulls")
    failed = (table["model"] == "dnn") & (table["null"] == "linear_shift")
    table = table.assign(passed=~failed, p=np.where(failed, 0.25, table["p"]))
    table.to_csv(table_path(tmp_path, "nulls"), index=False)
    panels = [a for a in figure_of("nulls", tmp_path, monkeypatch).axes if a.get_title(loc="left")]
    titles = [a.get_title(loc="left") for a in panels]
    assert titles[0] == "session permutation"
    assert titles[titles.index("circular shift") + 1] == "trial shuffle"
    texts = {t: [text.get_text() for text in a.texts] for t, a in zip(titles, panels, strict=True)}
    assert "primary" in texts["session permutation"]
    assert "descriptive; fails under drift" in texts["circular shift"]
    shift = panels[titles.index("linear shift")]
    rows = table[table["null"] == "linear_shift"].set_index("model")
    dots = {round(float(d.get_xdata()[0]), 9): d for d in shift.lines if d.get_marker() == "o"}
    assert set(dots) == set(rows["observed"].round(9))
    assert dots[round(rows.loc["dnn", "observed"], 9)].get_markerfacecolor() == "white"
    assert "p = 0.25" in texts["linear shift"]
    ranges = {tuple(line.get_xdata()) for line in shift.lines if len(line.get_xdata()) == 2}
    assert ranges == set(zip(rows["null_low"], rows["null_high"], strict=True))


def test_rasters_show_the_prediction_relative_to_each_unit(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.read_csv(tables / "raster.csv")
    shutil.copy(tables / "raster.csv", tmp_path)
    drawn = figure_of("rasters", tmp_path, monkeypatch)
    rows = table[table["panel"] == "predicted"].sort_values(["row", "time_s"])
    mesh = next(c for c in panel(drawn, "predicted target rate").collections if isinstance(c, QuadMesh))
    np.testing.assert_allclose(np.ravel(mesh.get_array()), rows["value"] / rows["mean_hz"])
    assert mesh.norm.vmin * mesh.norm.vmax == pytest.approx(1)
    target = panel(drawn, "target spikes")
    assert not target.get_yticklabels() and target.get_ylabel() == f"{rows['unit'].nunique()} target units"
    assert legend_of(drawn)[1] == "2 spikes or more"
    assert "opposite directions" in drawn.legends[0].get_title().get_text()


def test_latents_pool_no_trials_over_recordings(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in ("latents", "latent_trials"):
        shutil.copy(tables / f"{needed}.csv", tmp_path)
    drawn = figure_of("latent_trajectories", tmp_path, monkeypatch)
    shown = re.search(r"components: (.*)\)", drawn.get_suptitle())
    assert shown
    table, single = (read_table(tables, name) for name in ("latents", "latent_trials"))
    along = table[(table["axis"] == "decision") & (table["model"] == table["model"].iloc[0])]
    single = single[(single["recording"] == shown[1]) & (single["model"] == table["model"].iloc[0])]
    first = panel(drawn, "single trials, mean ± SEM")
    thin = [line for line in first.lines if line.get_linewidth() == 0.7]
    assert len(thin) == len(single.drop_duplicates(["label", "trial"])) > 5
    np.testing.assert_allclose(thin[0].get_ydata(), single[single["trial"] == single["trial"].iloc[0]]["value"])
    recordings = along[along["recording"] != "all"]
    second = panel(drawn, f"means of {recordings['recording'].nunique()} recordings, bold: of all")
    bold = next(line for line in second.lines if line.get_linewidth() == 3)
    of_label = recordings[recordings["label"] == recordings["label"].iloc[0]]
    np.testing.assert_allclose(bold.get_ydata(), of_label.groupby("time_s")["mean"].mean())
    components = [axes for axes in drawn.axes if axes.get_title(loc="left").startswith("component")]
    assert components and len({axes.get_ylim() for axes in components}) == 1
    assert all("n = " in text for text in legend_of(drawn))


def test_the_leak_check_shows_the_reported_score_on_an_uncut_axis(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_table(tables, "optimism_folds")
    shutil.copy(tables / "optimism_folds.csv", tmp_path)
    drawn = figure_of("leakage_optimism", tmp_path, monkeypatch)
    decisions, bits = drawn.axes
    assert decisions.get_ylim() == (0, 1) and bits.get_ylim()[0] <= 0
    for axes, (_, rows) in zip(drawn.axes, table.groupby("metric", sort=False), strict=True):
        values = np.concatenate([c.lines[0].get_ydata() for c in axes.containers])
        assert sorted(values) == pytest.approx(sorted(rows["value"]))
        ends = np.concatenate([np.array(c.lines[2][0].get_segments())[:, :, 1] for c in axes.containers])
        assert sorted(ends[:, 1]) == pytest.approx(sorted(rows["ci_high"].fillna(rows["value"])))
        assert all("n = " in label.get_text() for label in axes.get_xticklabels())
    assert "contain no leak" in drawn.legends[0].get_title().get_text()
    assert ["LEAKY" in text for text in legend_of(drawn)] == [False, False, True]


def test_psths_show_what_was_observed_and_predicted(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(tables, "psth")
    module = figures.modules()["psth"]
    assert module.pages(tables) == ["all", *dict.fromkeys(table["recording"])]
    assert module.group_page(tables) == "all"
    drawn = figure_of("psth", tables, monkeypatch, page="all")
    shown = [axes for axes in drawn.axes if axes.lines]
    assert len(shown) == table["recording"].nunique()
    of = table[table["typical"] & (table["recording"] == table["recording"].iloc[0])]
    for label, rows in of.groupby("label"):
        colour = style.class_colours(sorted(set(table["label"])))[str(label)]
        line = next(line for line in shown[0].lines if line.get_color() == colour)
        np.testing.assert_allclose(line.get_ydata(), rows["predicted_hz"])
    recording = table["recording"].iloc[-1]
    drawn = figure_of("psth", tables, monkeypatch, page=recording)
    titles = [axes.get_title(loc="left") for axes in drawn.axes if axes.lines]
    assert [title.partition("\n")[0] for title in titles] == list(
        dict.fromkeys(table.loc[table["recording"] == recording, "place"])
    )
    assert sum("n = " in text for text in legend_of(drawn)) == 2


def test_single_units_are_dots_and_recordings_diamonds(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(tables, "unit_scores")
    table = table[table["model"] == "seq2seq"]
    drawn = figure_of("unit_scores", tables, monkeypatch)
    first = drawn.axes[0]
    dots = [line for line in first.lines if line.get_marker() == "." and len(line.get_xdata())]
    recordings = list(dict.fromkeys(table["recording"]))
    units = table[table["unit"].astype(str) != "all"]
    assert [len(line.get_xdata()) for line in dots] == [int((units["recording"] == r).sum()) for r in recordings]
    values = [float(c.lines[0].get_ydata()[0]) for c in first.containers]
    assert values == pytest.approx(table.loc[table["unit"].astype(str) == "all", "bits_per_spike"].tolist())


def test_roc_curves_are_drawn_together_and_by_recording(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(tables, "roc")
    drawn = figure_of("roc", tables, monkeypatch)
    pooled = table[table["recording"] == "all"]
    main = next(axes for axes in drawn.axes if axes.get_title(loc="left").startswith("all recordings"))
    names = [text.get_text() for text in main.get_legend().get_texts()]
    assert set(names) == {f"{m.replace('_', ' ')} {a:.2f}" for m, a in pooled.groupby("model")["area"].first().items()}
    titles = {axes.get_title(loc="left") for axes in drawn.axes} - {main.get_title(loc="left")}
    assert titles >= {style.shown(r) for r in set(table["recording"]) - {"all"}}


@pytest.mark.parametrize("name", ["direction", "bits_per_spike", "communication_gain"])
def test_next_to_nothing_fills_no_axis(
    name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_table(tables, name)
    values = [column for column in ("value", "gain", "ci_low", "ci_high") if column in table]
    table[values] = 1e-7 * table[values]
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    low, high = figure_of(name, tmp_path, monkeypatch).axes[0].get_ylim()
    assert low <= -0.005 and high >= 0.005


def test_latents_that_do_not_vary_are_called_so(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, needed, columns in (
        ("latent_trajectories", "latents", ["mean", "sem"]),
        ("latent_trajectories", "latent_trials", ["value"]),
        ("latents_by_position", "latents_by_position", ["mean", "sem"]),
    ):
        table = read_table(tables, needed)
        table[columns] = 0.0
        table.to_csv(tmp_path / f"{needed}.csv", index=False)
        if needed != "latents":
            drawn = figure_of(name, tmp_path, monkeypatch)
            assert "not vary" in drawn.get_suptitle()
            assert drawn.axes[0].get_ylim()[0] <= -1 and drawn.axes[0].get_ylim()[1] >= 1


def test_without_modes_their_figure_says_so(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in ("ablation", "alignment", "shared_variance"):
        table = read_table(tables, needed)
        table = table[table["removed"] == 0] if needed == "ablation" else table
        (table.iloc[:0] if needed == "alignment" else table).to_csv(tmp_path / f"{needed}.csv", index=False)
    drawn = figure_of("shared_subspace", tmp_path, monkeypatch)
    assert drawn.get_suptitle().endswith("no mode was found")
    assert sum(bool(axes.patches) for axes in drawn.axes) == 1


def test_gains_have_a_legend_and_numbers_of_units(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = figure_of("communication_gain", tables, monkeypatch)
    region = figures.regions_of(tables)
    assert legend_of(drawn)[0] == region.named("a target unit") and "95 % interval" in legend_of(drawn)[1]
    units = read_table(tables, "communication_gain").query("unit != 'all'").groupby("recording").size()
    names = [label.get_text() for label in drawn.axes[0].get_xticklabels()]
    assert [int(name.split("n = ")[1]) for name in names] == [*units, units.sum()]


def test_a_majority_that_predicts_two_decisions_is_explained(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_table(tables, "confusion")
    for n, explained in (((10, 5, 9, 6), True), ((15, 0, 15, 0), False)):
        table.loc[table["model"] == "majority", "n"] = n
        table.to_csv(tmp_path / "confusion.csv", index=False)
        drawn = figure_of("confusion", tmp_path, monkeypatch)
        notes = [legend.get_title().get_text() for legend in drawn.legends]
        assert [("stay" in note and "skip" in note) for note in notes] == [True] * explained


def test_figures_name_the_regions(tables: Path, tmp_path: Path) -> None:
    table = read_table(tables, "quality")
    table.assign(region=np.where(table["role"] == "source", "HC", "PFC")).to_csv(tmp_path / "quality.csv", index=False)
    names = figures.regions_of(tmp_path)
    assert names == figures.Regions("HC", "PFC")
    assert names.named("The source region, the source's spikes and target units") == "HC, HC's spikes and PFC units"
    assert names.named("resources targeted by sources") == "resources targeted by sources"
    assert names.named("data.source, `target` and source_to_target") == "data.source, `target` and source_to_target"
    two = table.assign(region=np.where(table["role"] == "source", "CA1", "PFC"))
    two.loc[two.index[two["role"] == "source"][0], "region"] = "CA3"
    two.to_csv(tmp_path / "quality.csv", index=False)
    assert figures.regions_of(tmp_path) == figures.Regions("CA1+CA3", "PFC")
    (tmp_path / "quality.csv").unlink()
    assert figures.regions_of(tmp_path).named("target units of the source") == "target units of the source"


def test_coupling_names_estimate_and_truth(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in ("lag", "dimension"):
        shutil.copy(tables / f"{needed}.csv", tmp_path)
    table = pd.read_csv(tables / "lag.csv").assign(
        estimate_s=0.1, pooled_s=0.12, pooled_low_s=0.08, pooled_high_s=0.15, true_s=0.1
    )
    table.to_csv(tmp_path / "lag.csv", index=False)
    axes = panel(figure_of("coupling", tmp_path, monkeypatch), "lag")
    assert sorted(t.get_text() for t in axes.texts) == ["estimate 120 ms", "true 100 ms"]
    bold = next(line for line in axes.lines if line.get_linewidth() == 3)
    wide = table.pivot(index="lag_s", columns="recording", values="score")
    np.testing.assert_allclose(bold.get_ydata(), (wide - wide.mean()).mean(axis=1), atol=1e-12)
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((80.0, 150.0))
    table.assign(pooled_low_s=table["lag_s"].min()).to_csv(tmp_path / "lag.csv", index=False)
    assert panel(figure_of("coupling", tmp_path, monkeypatch), "lag: not determined").patches


def test_learning_curves_say_what_was_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("a", f, e, 1 / (e + 1 + f), np.nan) for f in range(2) for e in range(3 + f)]
    rows += [("b", f, e, 1 / (e + 1), 2 / (e + 1)) for f in range(2) for e in range(4)]
    table = pd.DataFrame(rows, columns=["model", "fold", "epoch", "train_loss", "valid_loss"])
    table.to_csv(tmp_path / "learning_curves.csv", index=False)
    first, second = figure_of("learning_curves", tmp_path, monkeypatch).axes
    assert first.get_title(loc="left") == "a: no validation loss recorded"
    assert second.get_title(loc="left") == "b"
    assert all(float(tick).is_integer() for axes in (first, second) for tick in axes.get_xticks())
    bold = next(line for line in first.lines if line.get_linewidth() == 3)
    np.testing.assert_allclose(bold.get_ydata(), [(1 + 1 / 2) / 2, (1 / 2 + 1 / 3) / 2, (1 / 3 + 1 / 4) / 2])


def test_the_ladder_fills_what_is_claimed_and_says_what_is_left_out(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_table(tables, "ladder")
    bits = pd.DataFrame(
        {
            "kind": "translation", "step": ["mean_rate", "psth", "seq2seq"], "metric": "bits_per_spike",
            "value": [0.0, 0.02, 0.3], "ci_low": [0.0, 0.01, 0.28], "ci_high": [0.0, 0.03, 0.32],
            "reference": [None, "mean_rate", "psth"], "gain": [np.nan, 0.02, 0.28], "gain_low": [np.nan, 0.01, 0.26],
            "gain_high": [np.nan, 0.03, 0.3], "p": [np.nan, 0.016, 0.016], "p_holm": [np.nan, 0.032, 0.032],
            "verdict": ["", "psth better", "seq2seq better"], "verdict_code": ["", "a_better", "a_better"],
        }
    )  # fmt: skip
    pd.concat([table, bits]).to_csv(table_path(tmp_path, "ladder"), index=False)
    drawn = figure_of("nested_models", tmp_path, monkeypatch)
    steps, gains, translators, _ = drawn.axes
    names = [t.get_text() for t in steps.get_yticklabels()]
    assert names == [str(s).replace("_", " ") for s in dict.fromkeys(table["step"])]
    assert [t.get_text() for t in translators.get_yticklabels()] == ["mean rate", "psth", "seq2seq"]
    assert [t.get_text().replace("\n", " ") for t in steps.texts] == [
        "left out: no behaviour was recorded in rat1_day1"
    ]
    dots = {names[int(line.get_ydata()[0])]: line for line in gains.lines if line.get_marker() == "o"}
    assert "majority" not in dots and "behavior" not in dots
    full = {name for name, dot in dots.items() if dot.get_markerfacecolor() != "white"}
    assert full == set(names) & {"latents and task", "latents beyond confounds"}
    assert "over task variables   p = 0.031   better" in [t.get_text() for t in gains.texts]
    tested = set(table.loc[table["p_holm"].notna(), "step"].str.replace("_", " "))
    assert set(dots) <= tested
    open_ones = [line for line in gains.lines if line.get_marker() == "D" and len(line.get_ydata()) == 1]
    assert open_ones and all(line.get_markerfacecolor() == "white" for line in open_ones)
    shown = table[table["metric"] == table["metric"].iloc[0]]
    without = shown[shown["gain"].notna() & shown["p"].notna() & shown["p_holm"].isna()]
    assert sum("(not corrected)" in t.get_text() for t in gains.texts) == len(without) > 0
    assert legend_of(drawn)[2] == "descriptive: p not corrected, no claim"


def test_the_course_marks_the_times_that_tell(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.read_csv(tables / "decision_course.csv").assign(**Verdict.NOT_SIGNIFICANT.columns())
    of = table["of"].eq("translated_latents")
    decoded = Verdict.PREDICTS_DECISION.columns()
    table.loc[of & table["start_s"].ge(table["start_s"].max()), list(decoded)] = list(decoded.values())
    table.to_csv(tmp_path / "decision_course.csv", index=False)
    figure = figure_of("time_resolved", tmp_path, monkeypatch)
    (axes,) = figure.axes
    (bar,) = [line for line in axes.lines if line.get_linewidth() == 4]
    last = table[of].iloc[-1]
    assert tuple(bar.get_xdata()) == (last["start_s"], last["stop_s"])
    curves = [line for line in axes.lines if line.get_label() in ("source's counts", "latents")]
    np.testing.assert_allclose(curves[1].get_ydata(), table.loc[of, "value"])
    assert any(np.allclose(line.get_ydata(), 0.5) for line in axes.lines)
    assert bar.get_color() == curves[1].get_color() and "corrected for all times" in note_of(figure)

    few = Verdict.TOO_FEW_CLUSTERS.columns(cluster="recording", needed=5)
    table.assign(**few).to_csv(tmp_path / "decision_course.csv")
    figure = figure_of("time_resolved", tmp_path, monkeypatch)
    assert "too few recordings to decide (needs 5)" in note_of(figure)

    table.drop(columns="verdict_code").to_csv(tmp_path / "decision_course.csv")
    with pytest.raises(DataError, match="expected a column verdict_code; run evaluate again"):
        figure_of("time_resolved", tmp_path, monkeypatch)


def test_models_keep_their_colours() -> None:
    assert style.colours(["ridge", "mine"])["ridge"] == style.colours(["seq2seq", "ridge"])["ridge"]
    assert len(set(style.colours(["seq2seq", "dnn", "a", "b", "majority"]).values())) == 5
