"""What the stage nested_models would leave behind for a fake study, with models of known strength."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import Study, held_out, learned

from spikebridge.artifacts.nested_models import DecodingModel, DecodingModels, NestedModelRun, WindowPart
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.trial_tables import prediction_rows

STRENGTH = {
    "majority": 0.0,
    "choice_history": 0.0,
    "task_variables": 1.0,
    "source_region": 1.2,
    "translated_latents": 1.25,
    "latents_and_task": 4.0,
    "latents_beyond_confounds": 1.5,
}
"""Evidence for the true class in units of its noise."""
REFERENCE = {
    "majority": "",
    "choice_history": "majority",
    "task_variables": "majority",
    "behavior": "task_variables",
    "source_region": "task_variables",
    "translated_latents": "source_region",
    "latents_and_task": "task_variables",
    "latents_beyond_confounds": "majority",
}
FAMILY = {
    "translated_latents": "ladder",
    "latents_and_task": "ladder",
    "latents_beyond_confounds": "ladder_beyond_confounds",
}
COURSE = {"source_region": (0.0, 0.0, 2.5), "translated_latents": (0.0, 2.5, 3.5)}
"""Evidence in parts of two bins."""
LEFT_OUT = {"behavior": "no behaviour was recorded in rat1_day1"}


def nested_run(study: Study) -> NestedModelRun:
    return NestedModelRun(study.root / "ladder")


def make_ladder(study: Study) -> Path:
    """Write the stage's folder. Only the first model is without knowledge; one model has weighted trials."""
    run, rng = nested_run(study), np.random.default_rng(8)
    models = [DecodingModel(n, ref, FAMILY.get(n, ""), LEFT_OUT.get(n, "")) for n, ref in REFERENCE.items()]
    for name in (m.name for m in models if not m.missing):
        _write(study, run.decoding(name), name, STRENGTH[name], rng)
    parts = []
    for of, strengths in COURSE.items():
        for k, strength in enumerate(strengths):
            parts.append(WindowPart(f"{of}_{k}", of, 2 * k, 2 * k + 2))
            _write(study, run.time_resolved(parts[-1].name), of, strength, rng)
    run.write_decoding(DecodingModels(study.splits.hash, models, parts))
    return run.folder


def _write(study: Study, run: TrainingRun, name: str, strength: float, rng: np.random.Generator) -> None:
    run.folder.mkdir(parents=True)
    tables: list[pd.DataFrame] = []
    for fold, w, index in held_out(study):
        n_classes = len(w.classes)
        evidence = rng.normal(size=(len(index), n_classes)) + strength * np.eye(n_classes)[w.label[index]]
        if name == "majority":
            evidence[:] = np.arange(n_classes)
        p = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
        table = prediction_rows(w.select(index), fold, p, p.argmax(axis=1))
        tables.append(table.assign(weight=rng.uniform(0.1, 1.0, len(table))) if "beyond" in name else table)
    run.write_predictions(tables, study.splits.hash)
    run.write_training_intervals(learned(study))
