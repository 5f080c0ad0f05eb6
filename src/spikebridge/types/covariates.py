"""Covariates of windows: what their names say, and windows without labels.

The name of a covariate packs what it is: "label 1 back" and "trial 1 back" for the labelled trials before, "column
delay_s" for a numeric column of the trial table, "column restaurant = north" for a value of one that holds words.
preprocess.covariates makes the values; every other module reads the names with these functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from spikebridge.types.records import Windows

N_BACK = 3
"""Earlier labels that are kept."""
COLUMN_PREFIX = "column "
"""What the covariates of the trial table's columns begin with."""
_VALUE = " = "


def label_back(k: int) -> str:
    """Name of the covariate with the label of the k-th labelled trial before, k = 1 .. N_BACK."""
    return f"label {k} back"


def trial_back(k: int) -> str:
    """Name of the covariate with the row of the k-th labelled trial before, k = 1 .. N_BACK."""
    return f"trial {k} back"


def column_covariate(column: str, value: str | None = None) -> str:
    """Name of the covariate of a column of the trial table; value: of a column that holds words."""
    return f"{COLUMN_PREFIX}{column}" if value is None else f"{COLUMN_PREFIX}{column}{_VALUE}{value}"


def is_column(name: str) -> bool:
    """Whether a covariate comes from a column of the trial table."""
    return name.startswith(COLUMN_PREFIX)


def column_and_value(name: str) -> str:
    """The column, or column and value, of a covariate: "delay_s", "restaurant = north". name: `is_column` holds."""
    return name.removeprefix(COLUMN_PREFIX)


def covariates_of(names: Iterable[str], column: str) -> list[str]:
    """Those of the covariates that come from one column of the trial table.

    Parameters
    ----------
    names : iterable of str
        Names of covariates.
    column : str
        Name of the column.

    Returns
    -------
    list of str
        One for a numeric column, one a value for a column that holds words; empty for an unknown column.
    """
    number, words = column_covariate(column), column_covariate(column, "")
    return [name for name in names if name == number or name.startswith(words)]


def columns_in(names: Iterable[str]) -> list[str]:
    """The columns of the trial table that covariates come from.

    Parameters
    ----------
    names : iterable of str
        Names of covariates.

    Returns
    -------
    list of str
        Each column once, in the order of the names.
    """
    return list(dict.fromkeys(column_and_value(name).partition(_VALUE)[0] for name in names if is_column(name)))


def without_labels(w: Windows) -> Windows:
    """Windows that hold no label: neither those of their trials nor those of the trials before, among the covariates.

    Parameters
    ----------
    w : Windows
        Of one recording.

    Returns
    -------
    Windows
        label is -1, and the covariates "label k back" are NaN; nothing else differs.
    """
    covariates = w.covariates.copy()
    earlier = {label_back(k + 1) for k in range(N_BACK)}
    covariates[:, [i for i, name in enumerate(w.covariate_names) if name in earlier]] = np.nan
    return replace(w, label=np.full_like(w.label, -1), covariates=covariates)
