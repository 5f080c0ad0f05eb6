"""The Poisson generalised linear model of target counts on lagged source counts, fitted by NeMoS; one a recording.

Predictors, penalty and baseline are those of poisson_glm, so that the two check each other; the fit is by NeMoS
(Balzani et al. 2026), a library of statistical models of neural activity on JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.glm import Array
from spikebridge.models.poisson_glm import PoissonGlm
from spikebridge.regression import PoissonFit


class NemosGlm(PoissonGlm):
    """log rate(t) = log baseline(t) + b + sum_l W_l smooth(source)(t - l), by nemos.glm.PopulationGLM, ridge penalty.

    NeMoS 0.2.8 takes no offset. It takes any differentiable inverse link, and applies it to all samples and units at
    once: `exp` times the baseline is a log link with the log baseline as offset, exactly. Every step of its solver
    (L-BFGS) uses all samples, so that a row of the linear predictor always meets its own baseline.
    """

    name = "nemos_glm"
    extra = "nemos"

    def _solve(self, x: Array, y: Array, offset: Array, penalty: float, own: Array, own_penalty: float) -> PoissonFit:
        from nemos.glm import PopulationGLM

        # NeMoS minimises the mean over samples, summed over units, and half the penalty times the sum of squares.
        # Single precision and this tolerance leave the weights within 1e-3 of their largest, in a quarter of the time
        # that 1e-9 in double precision takes.
        baseline = np.exp(offset).astype(np.float32)
        start = np.log(y.sum(axis=0) / baseline.sum(axis=0, dtype=np.float64)).astype(np.float32)
        glm: Any = PopulationGLM(
            observation_model="Poisson",
            inverse_link_function=_exp_times(baseline),
            regularizer="Ridge",
            regularizer_strength=penalty,
            solver_name="LBFGS",
            solver_kwargs={"tol": 1e-5, "maxiter": 1000},
        )
        glm.fit(x.astype(np.float32), y.astype(np.float32), (np.zeros((x.shape[1], y.shape[1]), np.float32), start))
        weights, bias = (np.asarray(a, dtype=np.float64) for a in (glm.coef_, glm.intercept_))
        return PoissonFit(bias, weights, np.zeros((0, y.shape[1])))


def _exp_times(baseline: NDArray[np.float32]) -> Callable[[Any], Any]:
    """The inverse link exp(eta) * baseline, baseline of shape (sample, unit).

    NeMoS tries a link on a number and on three numbers before it fits: those are not multiplied.
    """
    import jax.numpy as jnp

    factor = jnp.asarray(baseline)

    def inverse_link(eta: Any) -> Any:
        rate = jnp.exp(eta)
        return rate * factor if rate.shape == factor.shape else rate

    return inverse_link
