"""What the stage evaluate writes, reports/evaluation:

metrics.json       scores of all models, with intervals
summary.json       the translator's scores and their rivals, few enough for one line of `dvc metrics show`
comparisons.csv    every test of one model against another, one row a `Comparison`
nulls.csv          every null of every model, columns NULLS
ladder.csv         the nested models and their gains                  (where the stage nested_models was run)
leakage.json       what the leakage check compared
recovery.json      latents, lag and dimension against the truth       (simulated recordings)
tables/<name>.csv  what the figures show, one file for each of TABLES
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.json_files import read_json
from spikebridge.errors import DataError
from spikebridge.text.plain_text import read_csv, write_csv
from spikebridge.types import Comparison

EVALUATION_FOLDER = Path("reports") / "evaluation"
"""Of the stage, in the folder of a project."""
NULLS = (
    "null", "model", "metric", "observed", "null_mean", "null_high", "p", "smallest_attainable_p", "n_null", "passed",
    "role", "assumptions",
)  # fmt: skip
"""Of nulls.csv. passed: p is at most alpha. role: "primary" for the null that the gate uses, else "descriptive"."""
BASELINES_TABLE = "baselines"
BEYOND_LINEAR_TABLE = "beyond_linear"
BEYOND_LINEAR = (
    "recording", "linear", "best", "source_bits_seq2seq", "source_bits_linear", "difference", "ci_low", "ci_high",
    "looks",
)  # fmt: skip
"""Of beyond_linear.csv: source bits/spike of seq2seq and of a linear translator, their difference with its interval,
and what the data look like (see spikebridge.evaluation.beyond_linear). best: the linear translator with the most."""
FEW_LABELS_TABLE = "few_labels"
NESTED_MODELS_TABLE = "ladder"
OPTIMISM_FOLDS_TABLE = "optimism_folds"
OPTIMISM_FOLDS = (
    "model", "metric", "folds", "value", "ci_low", "ci_high", "chance", "n_trials", "n_folds",
)  # fmt: skip
"""Of optimism_folds.csv (see spikebridge.evaluation.latent_analysis.optimism_folds)."""
LATENT_TRIALS_TABLE = "latent_trials"
LATENT_TRIALS = ("model", "recording", "axis", "label", "trial", "time_s", "value")
"""Of latent_trials.csv: single held-out trials along an axis of latents.csv; some of many trials, see
spikebridge.evaluation.latent_trajectories."""
QUALITY_FILTERS_TABLE = "quality_filters"
STATES_TABLE, STATE_DIFFERENCES_TABLE = "states", "state_differences"
STATES = (
    "measure", "model", "recording", "state", "value", "ci_low", "ci_high", "n_bins", "seconds", "n_spikes",
    "source_hz", "target_hz", "max_lag_s", "reason",
)  # fmt: skip
"""Of states.csv: one row a measure, model, recording ("all": all together) and state. n_bins, seconds, n_spikes: data
that the value rests on; source_hz, target_hz: mean rate of a unit in them. max_lag_s: largest lag tried, or the lag at
which the dimension was estimated. reason: why there is no value."""
STATE_DIFFERENCES = (
    "measure", "model", "state_a", "state_b", "matched", "value_a", "value_b", "difference", "ci_low", "ci_high", "p",
    "p_holm", "smallest_attainable_p", "cluster", "n_clusters", "n_bins_a", "n_bins_b", "n_shared_bins",
    "source_hz_a", "source_hz_b", "target_hz_a", "target_hz_b", "role", "verdict", "verdict_code",
)  # fmt: skip
"""Of state_differences.csv: one row a measure, model and pair of states, as they are and matched (see
spikebridge.evaluation.states). difference: value_a less value_b. n_shared_bins: bins that lie in both states."""
TIME_RESOLVED_TABLE = "decision_course"
TABLES = frozenset(
    {
        "ablation",
        "alignment",
        "attribution",
        "attribution_units",
        "bits_per_spike",
        "calibration",
        "communication_gain",
        "confusion",
        "consistency",
        "decisions",
        "dimension",
        "dimension_pooled",
        "direction",
        "forest",
        "held_out_units",
        "lag",
        "lag_pooled",
        "latent_consistency",
        "latents",
        "learning_curves",
        "nulls",
        "optimism",
        "quality",
        "quality_limits",
        "raster",
        "recovery",
        "scores",
        "shared_variance",
        BASELINES_TABLE,
        BEYOND_LINEAR_TABLE,
        FEW_LABELS_TABLE,
        LATENT_TRIALS_TABLE,
        NESTED_MODELS_TABLE,
        OPTIMISM_FOLDS_TABLE,
        QUALITY_FILTERS_TABLE,
        STATES_TABLE,
        STATE_DIFFERENCES_TABLE,
        TIME_RESOLVED_TABLE,
    }
)
"""Names of the tables for figures."""
NAMES = (
    "model", "recording", "label", "axis", "fold", "model_a", "model_b", "family", "region", "state", "state_a",
    "state_b",
)  # fmt: skip
"""Columns that stay text, whatever they hold."""


@dataclass(frozen=True)
class EvaluationRun:
    """The folder of the stage: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def summary(self) -> Path:
        return self.folder / "summary.json"

    @property
    def comparisons(self) -> Path:
        return self.folder / "comparisons.csv"

    @property
    def nulls(self) -> Path:
        return self.folder / "nulls.csv"

    @property
    def nested_models(self) -> Path:
        return self.folder / f"{NESTED_MODELS_TABLE}.csv"

    @property
    def leakage(self) -> Path:
        return self.folder / "leakage.json"

    @property
    def recovery(self) -> Path:
        return self.folder / "recovery.json"

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    def write_metrics(self, content: Mapping[str, Any]) -> None:
        """Write metrics.json.

        Parameters
        ----------
        content : mapping
            Scores of all models; a number that is not finite becomes null.
        """
        _write_json(self.metrics, content)

    def write_summary(self, content: Mapping[str, float]) -> None:
        """Write summary.json; its keys keep their order, which is that of the columns of `dvc metrics show`."""
        text = json.dumps(_plain(content), indent=1, allow_nan=False)
        self.summary.write_text(text + "\n", encoding="utf-8")

    def write_leakage(self, content: Mapping[str, Any]) -> None:
        """Write leakage.json.

        Parameters
        ----------
        content : mapping
            What the leakage check compared.
        """
        _write_json(self.leakage, content)

    def write_recovery(self, content: Mapping[str, Any]) -> None:
        """Write recovery.json.

        Parameters
        ----------
        content : mapping
            Latents, lag (seconds) and dimension against the truth.
        """
        _write_json(self.recovery, content)

    def write_comparisons(self, rows: Sequence[Comparison]) -> None:
        """Write comparisons.csv.

        Parameters
        ----------
        rows : sequence of Comparison
            One for each test.
        """
        write_csv(pd.DataFrame([row.row() for row in rows], columns=list(Comparison.COLUMNS)), self.comparisons)

    def write_nulls(self, table: pd.DataFrame) -> None:
        """Write nulls.csv.

        Parameters
        ----------
        table : DataFrame
            Columns NULLS.
        """
        write_csv(table[list(NULLS)], self.nulls)

    def write_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write the tables for figures, and the nested models also as ladder.csv.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            Name -> table.

        Raises
        ------
        ValueError
            For a name that is not in TABLES.
        """
        if unknown := sorted(set(tables) - TABLES):
            raise ValueError(f"expected tables among {sorted(TABLES)}, got {unknown}")
        if NESTED_MODELS_TABLE in tables:
            write_csv(tables[NESTED_MODELS_TABLE], self.nested_models)
        self.tables.mkdir(exist_ok=True)
        for name, table in tables.items():
            write_csv(table, table_path(self.tables, name))

    def read_metrics(self) -> dict[str, Any]:
        """Read metrics.json.

        Returns
        -------
        dict
            Scores of all models.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return read_json(self.metrics)

    def read_summary(self) -> dict[str, float]:
        """Raises DataError naming the file where it cannot be read."""
        return read_json(self.summary)

    def read_leakage(self) -> dict[str, Any]:
        """Read leakage.json.

        Returns
        -------
        dict
            What the leakage check compared.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return read_json(self.leakage)

    def read_recovery(self) -> dict[str, Any]:
        """Read recovery.json.

        Returns
        -------
        dict
            Empty where the recordings have no known truth.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return read_json(self.recovery) if self.recovery.is_file() else {}

    def read_comparisons(self) -> pd.DataFrame:
        """Read comparisons.csv.

        Returns
        -------
        DataFrame
            Columns `Comparison.COLUMNS`.

        Raises
        ------
        DataError
            Where the file cannot be read, with the columns that it lacks.
        """
        return _read_csv(self.comparisons, Comparison.COLUMNS)

    def read_nulls(self) -> pd.DataFrame:
        """Read nulls.csv.

        Returns
        -------
        DataFrame
            Columns NULLS.

        Raises
        ------
        DataError
            Where the file cannot be read, with the columns that it lacks.
        """
        return _read_csv(self.nulls, NULLS)

    def read_nested_models(self) -> pd.DataFrame | None:
        """Read ladder.csv.

        Returns
        -------
        DataFrame or None
            None where the stage nested_models was not run.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return _read_csv(self.nested_models) if self.nested_models.is_file() else None

    def read_table(self, name: str) -> pd.DataFrame | None:
        """Read a table for figures.

        Parameters
        ----------
        name : str
            One of TABLES.

        Returns
        -------
        DataFrame or None
            None where it was not written.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
        return read_table(self.tables, name) if table_path(self.tables, name).is_file() else None


def table_path(tables_folder: Path, name: str) -> Path:
    """The file of a table for figures.

    Parameters
    ----------
    tables_folder : Path
        The folder tables/ of an evaluation.
    name : str
        Of the table.

    Returns
    -------
    Path
        Where the file is, or would be.
    """
    return tables_folder / f"{name}.csv"


def read_table(tables_folder: Path, name: str) -> pd.DataFrame:
    """Read a table for figures.

    Parameters
    ----------
    tables_folder : Path
        The folder tables/ of an evaluation.
    name : str
        Of the table.

    Returns
    -------
    DataFrame
        Columns of NAMES are text, whatever they hold.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    predicts_labels = name != "calibration"  # there `predicted` is a probability
    return _read_csv(table_path(tables_folder, name), text=("predicted",) if predicts_labels else ())


def _read_csv(path: Path, columns: Collection[str] = (), text: Collection[str] = ()) -> pd.DataFrame:
    try:
        table = read_csv(path, dtype=dict.fromkeys([*NAMES, *text], str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
    if missing := [column for column in columns if column not in table.columns]:
        raise DataError(f"{path}: expected the columns {list(columns)}, missing {missing}; run the stage evaluate")
    return table


def _write_json(path: Path, content: Any) -> None:
    """Sorted keys, floats in full, null for what is not a number."""
    text = json.dumps(_plain(content), indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
