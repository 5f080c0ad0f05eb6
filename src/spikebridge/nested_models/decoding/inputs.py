"""The inputs of the nested models: windows with named columns, another region or latents in the place of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.errors import ConfigError, DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.types import Windows
from spikebridge.types.covariates import COLUMN_PREFIX, column_and_value, columns_in, covariates_of

Array = NDArray[np.float64]


def columns_of(w: Windows, name: str) -> dict[str, Array]:
    """What windows hold under the name of a trial column (words: one a value) or of a behaviour series (its mean).

    Values are (window,), NaN where unknown; {} where nothing has the name.
    """
    columns = {column_and_value(n): w.covariate(n) for n in covariates_of(w.covariate_names, name)}
    if not columns and name in w.behavior_names:
        values = np.asarray(w.behavior)[:, :, w.behavior_names.index(name)].astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no sample is NaN, as wanted
            columns = {name: np.nanmean(values, axis=1)}
    return columns


def require_columns(data: Sequence[Windows], names: Sequence[str], key: str) -> None:
    """Raises ConfigError where a recording's windows do not hold one of the columns. key: where they were named."""
    for w in data:
        for name in names:
            if not columns_of(w, name):
                known = list(dict.fromkeys([*columns_in(w.covariate_names), *w.behavior_names]))
                raise ConfigError(
                    f"{key}: expected columns of trials.covariates or behaviour series, {w.recording} has no {name!r}"
                    + did_you_mean(name, known, f"; it has {listed(known)}")
                )


def with_columns(w: Windows, names: Sequence[str], prefix: str = COLUMN_PREFIX) -> Windows:
    """Windows whose covariates are these columns alone."""
    columns = {f"{prefix}{key}": values for name in names for key, values in columns_of(w, name).items()}
    table = np.column_stack(list(columns.values())) if columns else np.empty((len(w), 0))
    return replace(w, covariates=table, covariate_names=tuple(columns))


def target_as_source(w: Windows) -> Windows:
    """Windows whose source is the target, for decoders that read the source."""
    return replace(w, source=w.target, source_units=w.target_units)


def with_latents(w: Windows, latents: LatentsByRecording) -> Windows:
    """Windows whose behaviour is the translator's latents. Raises DataError for a trial without."""
    of = latents[w.recording]
    order = np.argsort(of.trial, kind="stable")
    place = order[np.minimum(np.searchsorted(of.trial, w.trial, sorter=order), len(order) - 1)]
    if not np.array_equal(of.trial[place], w.trial):
        raise DataError(f"latents of {w.recording}: expected those of every labelled trial; run the stage train again")
    names = tuple(f"latent {k}" for k in range(of.latents.shape[2]))
    return replace(w, behavior=of.latents[place], behavior_names=names)


def in_memory(w: Windows) -> Windows:
    """Labelled windows, read from their file once."""
    few = w.select(w.labelled)
    rows: dict[str, Any] = {name: np.asarray(getattr(few, name)) for name in ("source", "target", "behavior")}
    return replace(few, **rows)
