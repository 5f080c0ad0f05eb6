"""Columns of the trial table without spikes, such as a contrast or an offer; one fit per recording."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge.errors import ConfigError
from spikebridge.errors.messages import listed
from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.saved_arrays import Expected, float64_arrays
from spikebridge.types import Windows
from spikebridge.types.covariates import is_column


class TrialColumns(FeatureDecoder):
    """Logistic in the columns that `trials.covariates` names, and (`products`) their squares and products.

    Words have one column per value. The user has to name only columns that were known before the decision.
    """

    name = "trial_columns"
    from_source = False

    class Params(FeatureDecoder.Params):
        interactions: bool = False

    space = {"interactions": ("categorical", False, True), "penalty": ("log", 0.1, 1000.0)}

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        without = [w.recording for w in train if not any(map(is_column, w.covariate_names))]
        if without:
            raise ConfigError(
                "models.trial_columns: expected columns of the trial table under trials.covariates, such as "
                f"[contrast], found none in the windows of {listed(without)}"
            )
        super()._fit(train, valid, rng, on_epoch)

    def prepare(self, w: Windows) -> dict[str, Any]:
        x = self._columns(w)
        known = np.isfinite(x)
        middle = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        sd = np.sqrt(np.where(known, (x - middle) ** 2, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
        return {"middle": middle, "spread": np.maximum(sd, self.min_sd)}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        x = (self._columns(w) - prepared["middle"]) / prepared["spread"]
        if not p.interactions:
            return x
        return np.column_stack(
            [x, *(x[:, i] * x[:, j] for i, j in combinations_with_replacement(range(x.shape[1]), 2))]
        )

    def _columns(self, w: Windows) -> Array:
        return w.covariates[:, [is_column(n) for n in w.covariate_names]]

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        p: Any = self.params
        n = np.asarray(arrays.get("middle", ())).size
        return float64_arrays(middle=(n,), spread=(n,)), n + (n * (n + 1) // 2 if p.interactions else 0)
