"""Contract of every figure that the registry finds: drawn from tables alone, readable, and never from nothing."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from fake_runs import Plan, make_study
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text

from spikebridge import figures
from spikebridge.evaluation import evaluate
from spikebridge.figures import style

NAMES = list(figures.modules())
WANTED = {
    "bits_per_spike", "calibration", "confusion", "forest", "latent_trajectories", "learning_curves", "quality",
    "rasters", "recovery", "scores",
}  # fmt: skip
THREE = Plan(
    trials=30,
    recordings=3,
    folds=3,
    classes=("leftward", "no_go", "rightward"),
    cluster="recording",
    animal="Cori-2016-12-14-rat",
)


def tables_of(root: Path, plan: Plan) -> Path:
    study = make_study(root, plan)
    evaluate(study.config, *study.places, root / "out")
    return root / "out" / "tables"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("study"), Plan(trials=30))


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
    assert np.unique(image[..., :3].reshape(-1, 3), axis=0).shape[0] > 20
    assert not pyplot.get_fignums()


def test_equal_tables_give_equal_files(tables: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        figures.modules()["calibration"].draw(tables, path)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_empty_tables_draw_nothing(name: str, tables: Path, tmp_path: Path) -> None:
    module = figures.modules()[name]
    for table in module.needs:
        pd.read_csv(tables / f"{table}.csv").iloc[:0].to_csv(tmp_path / f"{table}.csv", index=False)
    assert module.draw(tmp_path, tmp_path / "a.png") is False
    assert not (tmp_path / "a.png").exists()


def test_draw_all_leaves_out_what_has_no_tables(tables: Path, tmp_path: Path) -> None:
    shutil.copytree(tables, tmp_path / "tables")
    (tmp_path / "tables" / "recovery.csv").unlink()  # as without truth
    drawn = figures.draw_all(tmp_path / "tables", tmp_path / "figures")
    one_each = set(NAMES) - {"recovery", "quality"}
    assert set(drawn) == one_each | {f"quality_{r}" for r in pd.read_csv(tables / "quality.csv")["recording"]}
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == set(drawn)


@pytest.mark.parametrize("name", NAMES)
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


def quality_figure(folder: Path, table: pd.DataFrame, limits: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Figure:
    kept: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, path: kept.append(figure) or True)
    table.to_csv(folder / "quality.csv", index=False)
    limits.to_csv(folder / "quality_limits.csv", index=False)
    assert figures.modules()["quality"].draw(folder, folder / "a.png", page="rat1_day2")
    return kept[0]


def test_quality_shows_every_unit_and_limit_of_one_recording(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, limits = (pd.read_csv(tables / f"{name}.csv") for name in ("quality", "quality_limits"))
    mine = table[table["recording"] == "rat1_day2"]
    drawn = quality_figure(tmp_path, table, limits, monkeypatch)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert titles == ["mean rate", "refractory violations", "presence", "drift of rate"]
    for axes, column in zip(
        drawn.axes, ["rate_hz", "isi_violations_ratio", "presence_ratio", "rate_change"], strict=True
    ):
        dots = np.concatenate([c.get_offsets()[:, 0] for c in axes.collections])
        expected = mine[column].to_numpy()
        assert np.allclose(np.sort(dots[-len(mine) :])[-5:], np.sort(expected)[-5:])
    rate = drawn.axes[0]
    assert [0.1, 0.1] in [list(line.get_xdata()) for line in rate.lines if line.get_linestyle() == "--"]


def test_quality_says_what_was_not_judged(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, limits = (pd.read_csv(tables / f"{name}.csv") for name in ("quality", "quality_limits"))
    table = table.assign(isi_violations_ratio=np.nan, amplitude_cutoff=0.05, n_spikes=0)
    drawn = quality_figure(tmp_path, table, limits.iloc[:0], monkeypatch)
    assert [[t.get_text() for t in axes.texts] for axes in drawn.axes] == [[], ["not judged"], [], [], []]
    assert drawn.axes[-1].get_title(loc="left") == "missed spikes"


def test_models_keep_their_colours() -> None:
    assert style.colours(["ridge", "mine"])["ridge"] == style.colours(["seq2seq", "ridge"])["ridge"]
    assert len(set(style.colours(["seq2seq", "dnn", "a", "b", "majority"]).values())) == 5
