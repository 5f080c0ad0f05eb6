"""Contract of every figure that the registry finds: drawn from tables alone, readable, and never from nothing."""

from __future__ import annotations

import re
import shutil
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from drawn_figures import figure_of, legend_of, note_of, panel
from fake_analysis import make_analysis
from fake_ladder import make_ladder
from fake_runs import Plan, Study, make_study
from fake_states import CONDITION, ingested, make_states, with_states
from matplotlib import pyplot
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikebridge import figures
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import LATENT_POSITIONS, read_table, table_path
from spikebridge.artifacts.figures import FORMATS
from spikebridge.errors import DataError
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.evaluation.nested_models.communication import COLUMNS
from spikebridge.figures import style
from spikebridge.types.verdicts import Verdict

NAMES = list(figures.modules())
UNITS = r"\((ms|s|Hz|SD|nats)|bits per spike|percent|without unit|probabilities|nats|units of each axis"
WANTED = {
    "attribution", "bits_per_spike", "reliability", "communication_gain", "confusion", "consistency",
    "time_resolved", "direction", "declared_tests", "held_out_units", "nested_models", "latent_trajectories",
    "learning_curves", "nulls", "leakage_optimism", "quality", "rasters", "latent_recovery", "scores",
    "shared_subspace", "states", "latents_by_position", "psth", "roc", "unit_scores",
}  # fmt: skip
TRANSLATE = {"seq2seq": 0.9, "ridge": 0.5, "target_history": 0.5, "target_history_source": 0.8}
STATES = {
    "running": {"where": CONDITION},
    "still on the reward site": {"intervals": "rest"},
    "fast": {"where": "speed > 50"},
}
THREE = Plan(
    trials=30,
    translate=TRANSLATE,
    recordings=3,
    folds=3,
    classes=("leftward", "no_go", "rightward"),
    cluster="recording",
    animal="Cori-2016-12-14-rat",
)


def tables_of(root: Path, plan: Plan) -> Path:
    study = make_study(root, plan)
    make_states(study)
    sections = EvaluationSections.of(with_states(study, STATES).config)
    evaluate(sections, *study.places, root / "out", make_analysis(study), make_ladder(study), ingested(study))
    run = EvaluationRun(root / "out")
    run.write_tables({"communication_gain": gains(study), "latents_by_position": positions(study)})
    return run.tables


def gains(study: Study) -> pd.DataFrame:
    """Made up; tests/evaluation/nested_models/test_communication.py has the table that evaluate makes."""
    rng = np.random.default_rng(4)
    names = [w.recording for w in study.windows]
    units = [(w.recording, u, float(rng.normal(0.02, 0.02))) for w in study.windows for u in w.target_units]
    rows = [*units, *((name, "all", 0.02) for name in [*names, "all"])]
    table = pd.DataFrame(rows, columns=["recording", "unit", "gain"])
    more = {"ci_low": table["gain"] - 0.01, "ci_high": table["gain"] + 0.01, "spikes": 500.0}
    return table.assign(**more, linear_source_gain=0.015, seq2seq_gain=0.005)[COLUMNS]


def positions(study: Study) -> pd.DataFrame:
    """Made up; tests/evaluation/test_held_out_tables.py has the table that evaluate makes."""
    series = {"position_x": 1.0, "position_y": 1.0, "speed": 30.0}
    rows = [
        ("seq2seq", w.recording, name, axis, 0.4, k, top * k / 10, top * (k + 1) / 10, top * (k + 0.5) / 10,
         np.sin(k + int(axis)), 0.1, 20 + k)
        for w in study.windows for name, top in series.items() for axis in ("1", "2") for k in range(10)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LATENT_POSITIONS))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("study"), Plan(trials=30, translate=TRANSLATE))


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("three"), THREE)


def test_all_wanted_figures_are_found() -> None:
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "formats_of", lambda path: {"png": path})  # the others have their own test
    module = figures.modules()[name]
    assert module.name == name
    assert all((tables / f"{table}.csv").is_file() for table in module.needs)
    assert module.draw(tables, tmp_path / "a.png") is True
    image = matplotlib.image.imread(tmp_path / "a.png")
    assert image.shape[1] >= 600
    colours = np.rint(255 * image[..., :3]).astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    assert len(np.unique(colours)) > 20
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("name", NAMES)
def test_captions_stand_alone(name: str) -> None:
    module = figures.modules()[name]
    caption, how = module.caption, module.how_to_read
    assert re.search(r"\bn\b|recordings", caption), "what n is"
    assert re.search(r"interval|SEM|5 to 95 %", caption)
    assert re.search(UNITS, caption), "units or that there are none"
    assert 2 <= len(re.findall(r"[.](?= [A-Z]|$)", how)) <= 4
    assert re.search(r"simulator|leaky", how), "an example with a known truth"
    for text in (caption, how):
        assert text[0].isupper() and text.endswith(".") and "  " not in text and "{" not in text


def test_equal_tables_give_equal_files(tables: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        figures.modules()["reliability"].draw(tables, path)
    for kind in FORMATS:
        content = (tmp_path / f"a.{kind}").read_bytes()
        assert content == (tmp_path / f"b.{kind}").read_bytes()
        assert b"Matplotlib v" not in content and b"CreationDate" not in content and b"dc:date" not in content
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag.endswith("svg") and "href" not in {key for e in root.iter("image") for key in e.attrib}
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_the_three_files_have_one_layout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Laid out once, for the PNG: the SVG has the panels at the same places."""
    with style.styled():
        figure = style.new(6, 4)
        axes = figure.subplots()
        axes.set_ylabel("a label\nthat needs room")
        laid_out = []
        execute = type(figure.get_layout_engine()).execute
        monkeypatch.setattr(type(figure.get_layout_engine()), "execute", lambda *a: laid_out.append(1) or execute(*a))
        style.save(figure, tmp_path / "a.png")
    assert len(laid_out) == 1
    left = axes.get_position().x0
    image = matplotlib.image.imread(tmp_path / "a.png")
    height, width = image.shape[:2]
    spine = np.flatnonzero((image[height // 3, :, :3] < 0.7).all(axis=1))  # of the left axis
    assert np.abs(spine - left * width).min() < 4
    assert 'width="432pt"' in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_empty_tables_draw_nothing(name: str, tables: Path, tmp_path: Path) -> None:
    module = figures.modules()[name]
    for table in module.needs:
        pd.read_csv(tables / f"{table}.csv").iloc[:0].to_csv(tmp_path / f"{table}.csv", index=False)
    assert module.draw(tmp_path, tmp_path / "a.png") is False
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.slow
def test_draw_all_leaves_out_what_has_no_tables(tables: Path, tmp_path: Path) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    table_path(tmp_path / "tables", "recovery").unlink()  # as without truth
    drawn = figures.draw_all(tmp_path / "tables", tmp_path / "figures")
    one_each = set(NAMES) - {"latent_recovery", "quality", "psth"}
    recordings = set(pd.read_csv(tables / "quality.csv")["recording"])
    paged = {f"quality_{r}" for r in recordings} | {f"psth_{r}" for r in [*recordings, "all"]}
    assert set(drawn) == one_each | paged
    files = {f"{name}.{kind}" for name in drawn for kind in FORMATS}
    assert {p.name for p in (tmp_path / "figures").iterdir()} == files
    assert figures.draw_all(tmp_path / "tables", tmp_path / "again", workers=2) == drawn
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (tmp_path / "figures" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.quick_cases(8)
def test_no_text_overlaps_or_leaves_the_page(
    name: str, three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure) or True)
    with style.styled():
        figures.modules()[name].draw(three_classes, tmp_path / "a.png")
        figure = kept[0]
        figure.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in texts_of(figure)]
        page = figure.bbox
    assert len(boxes) > 5
    for text, box in boxes:
        assert page.x0 - 2 <= box.x0 and box.x1 <= page.x1 + 2, text
        assert page.y0 - 2 <= box.y0 and box.y1 <= page.y1 + 2, text
    for (first_text, a), (second_text, b) in combinations(boxes, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 2 or down < 4, f"{first_text!r} overlaps {second_text!r}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.quick_cases(6)
def test_no_text_says_source_or_target_where_regions_have_names(
    name: str, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    table = read_table(tables, "quality")
    named = table.assign(region=np.where(table["role"] == "source", "HC", "PFC"))
    named.to_csv(tmp_path / "tables" / "quality.csv", index=False)
    texts = [text.get_text() for text in figure_of(name, tmp_path / "tables", monkeypatch).findobj(Text)]
    assert not [text for text in texts if re.search(r"(?<!\()\b(source|target)\b", text, re.IGNORECASE)]


def texts_of(figure: Figure) -> list[Text]:
    """Every text that is drawn and lies straight: tick labels outside the limits are not drawn."""
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) - 1e-9 <= tick.get_loc() <= max(axis.get_view_interval()) + 1e-9
    }
    drawn = [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible() and t not in hidden]
    return [t for t in drawn if t.get_rotation() in (0, 90)]


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
