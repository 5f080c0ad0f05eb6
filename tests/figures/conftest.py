"""Result tables of a small made-up study, from which every figure can be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_analysis import make_analysis
from fake_ladder import make_ladder
from fake_runs import Plan, Study, make_study
from fake_states import CONDITION, ingested, make_states, with_states

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import LATENT_POSITIONS
from spikebridge.evaluation import EvaluationSections, evaluate
from spikebridge.evaluation.nested_models.communication import COLUMNS

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


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("study"), Plan(trials=30, translate=TRANSLATE))


@pytest.fixture(scope="session")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tables_of(tmp_path_factory.mktemp("three"), THREE)
