"""Earlier choices without spikes: what perseveration or alternation predicts; one fit per recording.

Elber-Dorozko & Loewenstein 2018 (eLife 7:e34248): serial dependence of behaviour can look like a neural code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.saved_arrays import Expected
from spikebridge.types import Windows
from spikebridge.types.covariates import N_BACK, label_back, trial_back


class ChoiceHistory(FeatureDecoder):
    """Logistic in the labels of the `back` labelled trials before this decision.

    For predictions all of them are used. Training leaves out trials whose history is not among the training trials,
    because their history would contain labels that the model is scored by.
    """

    name = "choice_history"
    from_source = False

    class Params(FeatureDecoder.Params):
        n_previous_trials: int = Field(1, ge=1, le=N_BACK)

    space = {"n_previous_trials": ("categorical", 1, 2, 3), "penalty": ("log", 0.1, 1000.0)}

    def features(self, w: Windows, prepared: Arrays) -> Array:
        p: Any = self.params
        labels = [self._of(w, label_back(k + 1)) for k in range(p.n_previous_trials)]
        return np.column_stack([label == c for label in labels for c in range(len(w.classes))]).astype(np.float64)

    def _usable(self, w: Windows) -> NDArray[np.bool_]:
        p: Any = self.params
        trained = np.append(w.trial[w.labelled], -1)
        return np.all([np.isin(self._of(w, trial_back(k + 1)), trained) for k in range(p.n_previous_trials)], axis=0)

    def _of(self, w: Windows, name: str) -> Array:
        """(window,), a covariate of a trial before; -1 in windows without one."""
        if name not in w.covariate_names:
            return np.full(len(w), -1.0)
        return np.nan_to_num(w.covariate(name), nan=-1.0)

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        p: Any = self.params
        return {}, p.n_previous_trials * len(self.classes)
