"""What the stage evaluate writes, reports/evaluation:

metrics.json       scores of all models, with intervals
summary.json       the translator's scores and their rivals, few enough for one line of `dvc metrics show`
comparisons.csv    every test of one model against another, one row a `Comparison`
nulls.csv          every null of every model, columns NULLS
ladder.csv         the nested models and their gains                  (where the stage nested_models was run)
leakage.json       what the leakage check compared
recovery.json      latents, lag and dimension against the truth       (simulated recordings)
tables/<name>.csv  what the figures show, one file for each of TABLES (evaluation_tables.py)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import (
    NESTED_MODELS_TABLE,
    TABLES,
    read_evaluation_csv,
    read_table,
    table_path,
)
from spikebridge.artifacts.json_files import read_json
from spikebridge.text.plain_text import write_csv
from spikebridge.types import Comparison

EVALUATION_FOLDER = Path("reports") / "evaluation"
"""Of the stage, in the folder of a project."""
NULLS = (
    "null", "model", "metric", "observed", "null_mean", "null_high", "p", "smallest_attainable_p", "n_null", "passed",
    "role", "assumptions",
)  # fmt: skip
"""Of nulls.csv. passed: p is at most alpha. role: "primary" for the null that the gate uses, else "descriptive"."""


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
        """Write summary.json.

        Parameters
        ----------
        content : mapping
            Name of a number -> its value, in the order of the columns of `dvc metrics show`.
        """
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
        """Read summary.json.

        Returns
        -------
        dict
            Name of a number -> its value.

        Raises
        ------
        DataError
            Where the file cannot be read.
        """
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
        return read_evaluation_csv(self.comparisons, Comparison.COLUMNS)

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
        return read_evaluation_csv(self.nulls, NULLS)

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
        return read_evaluation_csv(self.nested_models) if self.nested_models.is_file() else None

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
