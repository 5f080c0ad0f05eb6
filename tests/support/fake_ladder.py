"""What the stage ladder would leave behind for a fake study, with steps of known strength."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fake_runs import Study, held_out, write

from spikebridge.splits import select_windows, training_intervals

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


def make_ladder(study: Study) -> Path:
    """Write <root>/ladder. Only the first step is left as it is without knowledge; one step has weighted trials."""
    folder, rng = study.root / "ladder", np.random.default_rng(8)
    about: list[dict[str, Any]] = []
    for step, reference in REFERENCE.items():
        missing = LEFT_OUT.get(step, "")
        about.append({"name": step, "reference": reference, "family": FAMILY.get(step, ""), "missing": missing})
        if missing:
            continue
        (folder / step).mkdir(parents=True)
        parts = [_rows(study, step, fold, w, index, rng) for fold, w, index in held_out(study)]
        pd.concat(parts, ignore_index=True).to_parquet(folder / step / "predictions.parquet")
        folds = {str(f.fold): training_intervals(select_windows(study.windows, f.train)) for f in study.splits.folds}
        write(folder / step / "training_intervals.json", {"split_hash": study.splits.hash, "folds": folds})
    parts = [_part(study, folder / "course", of, k, rng) for of in COURSE for k in range(len(COURSE[of]))]
    write(folder / "about.json", {"split_hash": study.splits.hash, "decision": about, "course": parts})
    return folder


def _part(study: Study, folder: Path, of: str, k: int, rng: np.random.Generator) -> dict[str, Any]:
    name = f"{of}_{k}"
    (folder / name).mkdir(parents=True)
    parts = [_rows(study, of, fold, w, index, rng, COURSE[of][k]) for fold, w, index in held_out(study)]
    pd.concat(parts, ignore_index=True).to_parquet(folder / name / "predictions.parquet")
    folds = {str(f.fold): training_intervals(select_windows(study.windows, f.train)) for f in study.splits.folds}
    write(folder / name / "training_intervals.json", {"split_hash": study.splits.hash, "folds": folds})
    return {"name": name, "of": of, "first": 2 * k, "stop": 2 * k + 2}


def _rows(
    study: Study, step: str, fold: int, w: Any, index: np.ndarray, rng: np.random.Generator, strength: float = np.nan
) -> pd.DataFrame:
    label, names = w.label[index], np.array(w.classes)
    strength = STRENGTH[step] if np.isnan(strength) else strength
    evidence = rng.normal(size=(len(index), len(names))) + strength * np.eye(len(names))[label]
    if step == "majority":
        evidence[:] = np.arange(len(names))
    p = np.exp(evidence) / np.exp(evidence).sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "recording": w.recording,
            "trial": w.trial[index],
            "fold": fold,
            "block": f"{w.recording}/{fold}",
            "time_s": w.decision_s[index],
            "split_hash": study.splits.hash,
            "label": names[label],
            "predicted": names[p.argmax(axis=1)],
        }
    ).assign(**{f"p_{c}": p[:, i] for i, c in enumerate(names)})
    return table.assign(weight=rng.uniform(0.1, 1.0, len(table))) if "beyond" in step else table
