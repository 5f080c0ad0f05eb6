"""All translators have one baseline: checked trial by trial, and its terms as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.artifacts.training import BASELINES, TrainingRun
from spikebridge.errors import DataError

TOLERANCE = 1e-3
"""Nats of a trial."""


def check_one_baseline(translations: Mapping[str, Translation]) -> None:
    """Compare the baseline's information about each trial between all translators.

    With one baseline the difference of two translators in bits/spike is that of what the source adds. Models without a
    baseline of known information (NaN) are left out.

    Raises
    ------
    DataError
        Names two translators that differ, the trial, and both numbers.
    """
    tables = {m: t.table.set_index(["recording", "trial", "fold"]) for m, t in translations.items()}
    known = {m: table["nats_without_source"] for m, table in tables.items()}
    known = {m: nats.dropna() for m, nats in known.items() if nats.notna().any()}
    if not known:
        return
    first, reference = next(iter(known.items()))
    for model, nats in known.items():
        first_nats, model_nats = reference.align(nats, join="inner")
        apart = (first_nats - model_nats).abs()
        if len(apart) and not apart.max() <= TOLERANCE:
            recording, trial, _ = apart.idxmax()
            raise DataError(
                f"{first} and {model}: expected one baseline of all translators, got "
                f"{first_nats.loc[apart.idxmax()]:.4f} and {model_nats.loc[apart.idxmax()]:.4f} nats without the "
                f"source at {recording} trial {trial}; run the stages train@{first} and train@{model} again"
            )


def baseline_table(models: Iterable[str], train_folder: Path) -> pd.DataFrame:
    """One row a model, fold and recording: the terms of its baseline, and how far its rates are shrunk to it."""
    tables = []
    for model in models:
        table = TrainingRun(train_folder / model).read_baselines()
        if table is not None:
            tables.append(table.assign(model=model))
    columns = ["model", *BASELINES]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
