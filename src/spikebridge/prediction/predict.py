"""Predictions of a saved model for new recordings: one row a trial, and latents and rates one row a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import RegistryError
from spikebridge.prediction.recordings import NewRecording
from spikebridge.tracking.served_model import ServedModel
from spikebridge.types import Predictions


@dataclass(frozen=True)
class RecordingPrediction:
    """Predictions for one recording.

    Parameters
    ----------
    recording : NewRecording
        Its trials.
    predictions : Predictions
        Of the model.
    decided : NDArray of int, shape (trial,), optional
        Index of the class that the model decides for; None where it only translates.
    """

    recording: NewRecording
    predictions: Predictions
    decided: NDArray[np.int64] | None

    def trials(self) -> pd.DataFrame:
        """One row a trial.

        Returns
        -------
        DataFrame
            recording, trial (row of the trial table), time_s (of the decision), decision and p_<class> where the model
            decides, label (missing where there is none), fitted_on.
        """
        w = self.recording.windows
        table = pd.DataFrame({"recording": w.recording, "trial": w.trial, "time_s": w.decision_s})
        if self.decided is not None and self.predictions.probabilities is not None:
            table["decision"] = np.asarray(w.classes, dtype=object)[self.decided]
            for k, name in enumerate(w.classes):
                table[f"p_{name}"] = self.predictions.probabilities[:, k]
        table["label"] = [label or None for label in self.recording.truth.tolist()]
        table["fitted_on"] = self.recording.fitted.astype(object)
        return table

    def latents(self) -> pd.DataFrame | None:
        """One row a trial, bin and latent.

        Returns
        -------
        DataFrame or None
            recording, trial, time_s (centre of the bin), latent (counted from 1), value; None where the model has none.
        """
        values = self.predictions.latents
        return None if values is None else self._long(values, "latent", np.arange(values.shape[2]) + 1)

    def rates(self) -> pd.DataFrame | None:
        """One row a trial, bin and target unit.

        Returns
        -------
        DataFrame or None
            recording, trial, time_s (centre of the bin), unit, value (expected spikes per second); None where the model
            does not translate.
        """
        values, w = self.predictions.rates, self.recording.windows
        return None if values is None else self._long(values / w.bin_s, "unit", w.target_units)

    def _long(self, values: NDArray[np.floating], what: str, names: NDArray[np.int64]) -> pd.DataFrame:
        """values: (trial, bin, name)."""
        w = self.recording.windows
        n_trials, n_bins, n_names = values.shape
        time_s = w.start_s[:, None] + (np.arange(n_bins) + 0.5) * w.bin_s
        return pd.DataFrame(
            {
                "recording": w.recording,
                "trial": np.repeat(w.trial, n_bins * n_names),
                "time_s": np.repeat(time_s.ravel(), n_names),
                what: np.tile(names, n_trials * n_bins),
                "value": values.ravel().astype(np.float64),
            }
        )


def predict_recordings(model: ServedModel, recordings: Sequence[NewRecording]) -> list[RecordingPrediction]:
    """Predict every trial.

    Parameters
    ----------
    model : ServedModel
        The saved model.
    recordings : sequence of NewRecording
        See `read_new_recordings`.

    Returns
    -------
    list of RecordingPrediction
        In the same order.

    Raises
    ------
    RegistryError
        Where the model needs more than source counts.
    """
    return [RecordingPrediction(r, *model.predict_windows(r.windows)) for r in recordings]


def long_table(predicted: Sequence[RecordingPrediction], what: str, model: ServedModel) -> pd.DataFrame:
    """The latents or rates of all recordings.

    Parameters
    ----------
    predicted : sequence of RecordingPrediction
        At least one.
    what : str
        "latents" or "rates".
    model : ServedModel
        For messages.

    Returns
    -------
    DataFrame
        See `RecordingPrediction.latents` and `RecordingPrediction.rates`.

    Raises
    ------
    RegistryError
        Where the model has none.
    """
    tables = [p.latents() if what == "latents" else p.rates() for p in predicted]
    kept = [table for table in tables if table is not None]
    if not kept:
        raise RegistryError(f"--{what}: {model.name} has no {what}")
    return pd.concat(kept, ignore_index=True)
