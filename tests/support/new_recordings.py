"""A saved forest that was fitted on the first half of two recordings, which lie as folders of tables beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from studies import as_recording, small_config

from spikebridge import models
from spikebridge.artifacts.fitted_on import FittedOn, FittedRecording, settings_of
from spikebridge.artifacts.served_models import FITTED_ON, write_served
from spikebridge.config import SimulateConfig, WindowSections
from spikebridge.io.readers import tables
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.preprocess import make_windows
from spikebridge.simulate import simulate_session
from spikebridge.types import Recording, Windows

OUTER = {
    "balanced_accuracy": 0.7, "balanced_accuracy_ci_low": 0.6, "balanced_accuracy_ci_high": 0.8,
    "auc": 0.75, "auc_ci_low": 0.65, "auc_ci_high": 0.85,
    "log_loss": 0.55, "log_loss_ci_low": 0.5, "log_loss_ci_high": 0.6, "n_trials": 80.0,
}  # fmt: skip
SETTINGS = small_config(quality={"min_presence_ratio": None})


@dataclass(frozen=True)
class Study:
    """root has data/, model/ (with served.json) and bare/ (without). windows: of the whole recordings, by name."""

    root: Path
    recordings: dict[str, Recording]
    windows: dict[str, Windows]
    n_fitted: int


def first_half(w: Windows) -> Windows:
    return w.select(w.stop_s <= np.median(w.start_s))


def save(kind: str, windows: list[Windows], folder: Path, params: dict[str, Any]) -> None:
    model = models.create(kind, params)
    model.fit(windows, [], np.random.default_rng(0))
    model.save(folder)


def make(root: Path) -> Study:
    """Write the recordings and the models."""
    knobs: SimulateConfig = SETTINGS.simulate
    recordings, windows = {}, {}
    for k in range(2):
        session = simulate_session(knobs, np.random.default_rng([3, k]), f"day{k}", "rat")
        recordings[session.name] = recording = as_recording(session)
        tables.write(recording, root / "data")
        windows[session.name] = make_windows(recording, WindowSections.of(SETTINGS), ("skip", "stay"))[0]
    learned = [first_half(w) for w in windows.values()]
    for name in ("model", "bare"):
        save("random_forest", learned, root / name, {"n_estimators": 10})
    save("ridge", learned, root / "ridge", {})
    fitted = FittedOn(settings_of(SETTINGS), {w.recording: FittedRecording.of(w) for w in learned})
    for name in ("model", "ridge"):
        write_served({FITTED_ON: fitted.content(), "outer": OUTER}, root / name)
        write_manifest(root / name)
    return Study(root, recordings, windows, sum(int(w.in_trial.sum()) for w in learned))
