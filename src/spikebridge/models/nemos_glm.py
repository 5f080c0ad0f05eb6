"""The Poisson generalised linear model of target counts on lagged source counts, fitted by NeMoS; one a recording.

Predictors and penalty are those of poisson_glm, so that the two check each other; the fit is by NeMoS (Balzani et al.
2026), a library of statistical models of neural activity on JAX.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikebridge.models.parts.glm import Array
from spikebridge.models.poisson_glm import PoissonGlm
from spikebridge.regression import PoissonFit


class NemosGlm(PoissonGlm):
    """log rate(t) = log baseline(t) + b + sum_l W_l smooth(source)(t - l), W by nemos.glm.PopulationGLM with a ridge
    penalty.

    NeMoS has no offset: it fits W to the counts as if the baseline were the mean rate. b is then the one of highest
    likelihood under the baseline. Where the baseline varies, W is not that of poisson_glm.
    """

    name = "nemos_glm"
    extra = "nemos"

    def _solve(self, x: Array, y: Array, offset: Array, penalty: float, own: Array, own_penalty: float) -> PoissonFit:
        from nemos.glm import PopulationGLM

        # NeMoS minimises the mean over samples, summed over units, and half the penalty times the sum of squares.
        # Single precision and this tolerance leave the weights within 1e-3 of their largest, in a quarter of the time
        # that 1e-9 in double precision takes.
        glm: Any = PopulationGLM(
            observation_model="Poisson",
            regularizer="Ridge",
            regularizer_strength=penalty,
            solver_name="LBFGS",
            solver_kwargs={"tol": 1e-5, "maxiter": 1000},
        ).fit(x.astype(np.float32), y.astype(np.float32))
        weights = np.asarray(glm.coef_, dtype=np.float64)
        bias = np.log(y.sum(axis=0) / np.exp(offset + x @ weights).sum(axis=0))
        return PoissonFit(bias, weights, np.zeros((0, y.shape[1])))
