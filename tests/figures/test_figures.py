"""Contract of every figure that the registry finds: drawn from tables alone, readable, and never from nothing."""

from __future__ import annotations

import re
import shutil
from itertools import combinations
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from drawn_figures import figure_of, legend_of, panel
from fake_analysis import make_analysis
from fake_ladder import make_ladder
from fake_runs import Plan, Study, make_study
from fake_states import CONDITION, ingested, make_states, with_states
from matplotlib import pyplot
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikebridge import figures
from spikebridge.artifacts.evaluation import EvaluationRun, read_table, table_path
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
    "shared_subspace", "states",
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
    run.write_tables({"communication_gain": gains(study)})
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


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("study"), Plan(trials=30, translate=TRANSLATE))


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("three"), THREE)


def test_all_wanted_figures_are_found() -> None:
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, tables: Path, tmp_path: Path) -> None:
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
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_empty_tables_draw_nothing(name: str, tables: Path, tmp_path: Path) -> None:
    module = figures.modules()[name]
    for table in module.needs:
        pd.read_csv(tables / f"{table}.csv").iloc[:0].to_csv(tmp_path / f"{table}.csv", index=False)
    assert module.draw(tmp_path, tmp_path / "a.png") is False
    assert not (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_draw_all_leaves_out_what_has_no_tables(tables: Path, tmp_path: Path) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    table_path(tmp_path / "tables", "recovery").unlink()  # as without truth
    drawn = figures.draw_all(tmp_path / "tables", tmp_path / "figures")
    one_each = set(NAMES) - {"latent_recovery", "quality"}
    assert set(drawn) == one_each | {f"quality_{r}" for r in pd.read_csv(tables / "quality.csv")["recording"]}
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == set(drawn)


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
    for said, box in boxes:
        assert page.x0 - 2 <= box.x0 and box.x1 <= page.x1 + 2, said
        assert page.y0 - 2 <= box.y0 and box.y1 <= page.y1 + 2, said
    for (one, a), (other, b) in combinations(boxes, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 2 or down < 4, f"{one!r} overlaps {other!r}"


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
    said = {t: [text.get_text() for text in a.texts] for t, a in zip(titles, panels, strict=True)}
    assert "primary" in said["session permutation"]
    assert "descriptive; fails under drift" in said["circular shift"]
    shift = panels[titles.index("linear shift")]
    rows = table[table["null"] == "linear_shift"].set_index("model")
    dots = {round(float(d.get_xdata()[0]), 9): d for d in shift.lines if d.get_marker() == "o"}
    assert set(dots) == set(rows["observed"].round(9))
    assert dots[round(rows.loc["dnn", "observed"], 9)].get_markerfacecolor() == "white"
    assert "p = 0.25" in said["linear shift"]
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
    ids = [int(label.get_text()) for label in panel(drawn, "target spikes").get_yticklabels()]
    units = rows["unit"].unique()
    assert ids == list(units[:: -(-len(units) // 22)])
    assert legend_of(drawn)[1] == "2 spikes or more"


def test_latents_share_their_scale(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(tables / "latents.csv", tmp_path)
    drawn = figure_of("latent_trajectories", tmp_path, monkeypatch)
    over_time = [axes for axes in drawn.axes if "time" in axes.get_xlabel()]
    assert len(over_time) > 1
    assert len({axes.get_ylim() for axes in over_time}) == 1
    assert all("n = " in said for said in legend_of(drawn))


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
    assert bar.get_color() == curves[1].get_color() and "corrected for all times" in figure.get_suptitle()

    few = Verdict.TOO_FEW_CLUSTERS.columns(cluster="recording", needed=5)
    table.assign(**few).to_csv(tmp_path / "decision_course.csv")
    figure = figure_of("time_resolved", tmp_path, monkeypatch)
    assert "too few recordings to decide (needs 5)" in figure.get_suptitle()

    table.drop(columns="verdict_code").to_csv(tmp_path / "decision_course.csv")
    with pytest.raises(DataError, match="expected a column verdict_code; run evaluate again"):
        figure_of("time_resolved", tmp_path, monkeypatch)


def test_models_keep_their_colours() -> None:
    assert style.colours(["ridge", "mine"])["ridge"] == style.colours(["seq2seq", "ridge"])["ridge"]
    assert len(set(style.colours(["seq2seq", "dnn", "a", "b", "majority"]).values())) == 5
