"""Settings of a small study, and simulated recordings cut into windows without files in between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikebridge import config, models
from spikebridge.config import Config, SimulateConfig, WindowSections
from spikebridge.preprocess import make_windows
from spikebridge.simulate import STEP_S, Session, simulate_session
from spikebridge.types import Recording, Windows


def small_config(**sections: dict[str, Any]) -> Config:
    """Settings of a study that runs in seconds; keyword arguments are sections to change."""
    raw: dict[str, Any] = {
        "data": {"path": "data/simulated", "source": ["HC"], "target": ["PFC"]},
        "simulate": {"n_recordings": 2, "n_trials": 40, "n_source_units": [14, 16], "n_target_units": [8, 10]},
        "trials": {"covariates": ["delay_s", "restaurant"]},
        "bins": {"width_s": 0.1},
        "split": {"n_outer_folds": 2},
        "models": {
            "seq2seq": {"max_epochs": 3},
            "ridge": {},
            "random_forest": {"n_estimators": 10},
            "dnn": {},
            "majority": {},
        },
        "tune": {"n_trials": 2, "n_startup_trials": 1},
        "statistics": {"n_resamples": 200},
        "compute": {"workers": 1, "device": "cpu"},
    }
    for name, changes in sections.items():
        raw[name] = raw.get(name, {}) | changes
    return config.parse(raw)


def as_recording(session: Session) -> Recording:
    """What reading the session's file would give."""
    unit = np.repeat(np.arange(len(session.spikes)), [len(s) for s in session.spikes])
    return Recording(
        name=session.name,
        animal=session.animal,
        spikes=pd.DataFrame({"unit": unit, "time_s": np.concatenate(session.spikes)}),
        units=pd.DataFrame({"unit": np.arange(len(session.spikes)), "region": session.regions}),
        trials=session.trials,
        behavior=pd.concat(
            [
                pd.DataFrame({"series": name, "time_s": session.time_s[::5], "value": values[::5]})
                for name, values in (
                    ("position.x", session.position_m[:, 0]),
                    ("position.y", session.position_m[:, 1]),
                    ("speed", session.speed_m_s),
                )
            ],
            ignore_index=True,
        ),
        observed=np.array([[0.0, session.time_s[-1] + STEP_S]]),
    )


def simulated_windows(settings: Config, seed: int = 0) -> list[Windows]:
    """Windows of settings.simulate, one a recording."""
    knobs: SimulateConfig = settings.simulate
    made = []
    for number in range(knobs.n_recordings):
        session = simulate_session(knobs, np.random.default_rng([seed, number]), f"rec.{number}", f"rat{number}")
        made.append(make_windows(as_recording(session), WindowSections.of(settings), ("skip", "stay"))[0])
    return made


def every_model(names: Iterable[str] | None = None) -> list[Any]:
    """Parameters of a test over models (all of them); those whose package is not installed are skipped, and say why.

    A model that only adds to the read-out of another one is slow: its tests are those of the other one again.
    """
    missing = {n: models.get_class(n).missing_package() for n in (models.names() if names is None else names)}
    marks = {n: [pytest.mark.skipif(bool(m), reason=m or "-")] for n, m in missing.items()}
    marks.get("seq2seq_label_direction", []).append(pytest.mark.slow)
    return [pytest.param(n, marks=m) for n, m in marks.items()]
