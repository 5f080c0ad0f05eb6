"""The tables of the stage evaluate: reports/evaluation/tables/<name>.csv, what the figures show."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from spikebridge.errors import DataError
from spikebridge.text.plain_text import read_csv

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
LATENT_POSITIONS_TABLE = "latents_by_position"
LATENT_POSITIONS = (
    "model", "recording", "series", "axis", "variance_share", "place", "from", "to", "value", "mean", "sem", "n",
)  # fmt: skip
"""Of latents_by_position.csv: mean of a component of the latents (SD) in a range of a behaviour series, over the n
held-out trials that reached it, with its standard error. place: number of the range, from 0; from, to, value: its ends,
and the mean of the series in it, in the unit of the series."""
LATENT_TRIALS_TABLE = "latent_trials"
LATENT_TRIALS = ("model", "recording", "axis", "label", "trial", "time_s", "value")
"""Of latent_trials.csv: single held-out trials along an axis of latents.csv; some of many trials, see
spikebridge.evaluation.latent_trajectories."""
PSTH_TABLE = "psth"
PSTH = (
    "model", "recording", "unit", "place", "typical", "bits_per_spike", "label", "event", "time_s", "observed_hz",
    "sem_hz", "predicted_hz", "n",
)  # fmt: skip
"""Of psth.csv: observed and predicted mean rate of a target unit over the n held-out trials of a decision (Hz). place:
"best", "worst" or a percentile of the unit's bits/spike in its recording; typical: whether it is the median unit."""
QUALITY_FILTERS_TABLE = "quality_filters"
ROC_TABLE = "roc"
ROC = ("model", "recording", "of", "false_share", "true_share", "area", "n")
"""Of roc.csv: one row a threshold; recording "all": all together. of: the decision that counts as recognised."""
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
UNIT_SCORES_TABLE = "unit_scores"
YARDSTICKS = ("bits_per_spike", "source_bits_per_spike", "trial_contrast_bits_per_spike")
"""Scores of a translation: over the mean rate, over the baseline without the source, against neighbouring trials."""
UNIT_SCORES = (
    "model", "recording", "unit", "spikes", *(f"{key}{end}" for key in YARDSTICKS for end in ("", "_low", "_high")),
)  # fmt: skip
"""Of unit_scores.csv: one row a target unit; unit "all": all of a recording, which alone has intervals."""
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
        LATENT_POSITIONS_TABLE,
        LATENT_TRIALS_TABLE,
        NESTED_MODELS_TABLE,
        OPTIMISM_FOLDS_TABLE,
        PSTH_TABLE,
        QUALITY_FILTERS_TABLE,
        ROC_TABLE,
        STATES_TABLE,
        STATE_DIFFERENCES_TABLE,
        TIME_RESOLVED_TABLE,
        UNIT_SCORES_TABLE,
    }
)
"""Names of the tables for figures."""
NAMES = (
    "model", "recording", "label", "axis", "fold", "model_a", "model_b", "family", "region", "state", "state_a",
    "state_b",
)  # fmt: skip
"""Columns that stay text, whatever they hold."""


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
    return read_evaluation_csv(table_path(tables_folder, name), text=("predicted",) if predicts_labels else ())


def read_evaluation_csv(path: Path, columns: Collection[str] = (), text: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV file of the stage.

    Parameters
    ----------
    path : Path
        The file.
    columns : collection of str
        Columns that it must have.
    text : collection of str
        Columns that stay text, besides NAMES.

    Returns
    -------
    DataFrame
        Empty cells are missing values.

    Raises
    ------
    DataError
        Names the file, and the columns that it lacks.
    """
    try:
        table = read_csv(path, dtype=dict.fromkeys([*NAMES, *text], str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from None
    if missing := [column for column in columns if column not in table.columns]:
        raise DataError(f"{path}: expected the columns {list(columns)}, missing {missing}; run the stage evaluate")
    return table
