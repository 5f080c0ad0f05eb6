"""Baselines that are fitted once and shared: every translator of a fold asks the same record for them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np

from spikebridge.baseline.fit import FittedBaseline, fit_baseline
from spikebridge.config import BaselineConfig
from spikebridge.types import Windows

MAX_KEPT = 256


class Baselines:
    """The terms of the baseline, and the baselines that were fitted with them.

    Make one for each fold or study, and hand it to every model there.

    Parameters
    ----------
    terms : BaselineConfig
        The section `baseline` of params.yaml.
    """

    def __init__(self, terms: BaselineConfig | None = None) -> None:
        self.terms = terms or BaselineConfig()
        self._fitted: OrderedDict[str, FittedBaseline] = OrderedDict()

    def fit(self, w: Windows) -> FittedBaseline:
        """Fit the baseline of one recording, or give the one that was fitted to the same windows.

        Parameters
        ----------
        w : Windows
            What to learn from; labels, source, behaviour and covariates are not used.

        Returns
        -------
        FittedBaseline
            See `fit_baseline`.
        """
        key = _digest(w)
        if key not in self._fitted:
            self._fitted[key] = fit_baseline(w, self.terms.psth, self.terms.drift)
            if len(self._fitted) > MAX_KEPT:
                self._fitted.popitem(last=False)
        self._fitted.move_to_end(key)
        return self._fitted[key]


def _digest(w: Windows) -> str:
    """Of all that a baseline is fitted to, and the name of the recording."""
    h = hashlib.blake2b(f"{w.recording}|{w.target.dtype}{w.target.shape}".encode(), digest_size=16)
    for values in (w.start_s, w.in_trial, w.target):
        h.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return h.hexdigest()
