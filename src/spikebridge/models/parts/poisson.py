"""Poisson regression of many units on one set of predictors at once, with a ridge penalty (McCullagh & Nelder 1989)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HIGHEST = 30.0
"""Of a log rate while the search is under way: a step that is too long must not overflow."""


@dataclass(frozen=True)
class PoissonFit:
    """log rate = offset + bias + x @ weights + sum_k own[:, k] * own_weights[k].

    bias: (unit,). weights: (predictor, unit). own_weights: (k, unit).
    """

    bias: Array
    weights: Array
    own_weights: Array

    def log_rate(self, x: Array, own: Array, offset: Array) -> Array:
        """(sample, unit). x: (sample, predictor); own: (sample, k, unit); offset: (sample, unit)."""
        eta = offset + self.bias + x @ self.weights
        for k, weight in enumerate(self.own_weights):
            eta += own[:, k] * weight
        return np.asarray(eta)


def fit_poisson(
    x: Array,
    y: Array,
    offset: Array,
    strength: float,
    own: Array | None = None,
    own_strength: float = 1.0,
    tolerance: float = 1e-8,
    most: int = 200,
    start: PoissonFit | None = None,
) -> PoissonFit:
    """Minimise, for every unit, sum_t (rate - y log rate) + n/2 (strength |weights|^2 + own_strength |own_weights|^2).

    x: (n, predictor), without its mean. y, offset: (n, unit); offset in log spikes per bin. own: (n, k, unit),
    predictors that only their own unit has. Each unit needs a spike.

    One L-BFGS (Liu & Nocedal 1989) over all units, in coordinates in which the Hessian at the mean rate is an identity:
    the principal axes of x, each unit's scaled by its curvature. Some twenty steps then do, each two products with x,
    where a Newton step would take a factorisation for every unit.
    tolerance: the search ends when a step gains less than this share of the loss. start: where it begins; the mean
    rates unless given. Products are computed in the type of x: in single precision a tolerance below 1e-6 is not met.
    """
    from scipy.optimize import minimize

    n, units = y.shape
    own = np.zeros((n, 0, units)) if own is None else own
    variance, axes = _principal(x)
    z = x @ axes
    level = y.mean(axis=0)
    scale = 1 / np.sqrt(n * (level * variance[:, None] + strength))
    own_scale = _whitening(own, level, own_strength)
    bias_scale = 1 / np.sqrt(n * level)
    at_mean = np.log(level / np.exp(offset).mean(axis=0))
    r, k = z.shape[1], own.shape[1]

    def unpack(theta: Array) -> tuple[Array, Array, Array]:
        t = theta.reshape(1 + r + k, units).astype(x.dtype)
        return at_mean + t[0] * bias_scale, t[1 : 1 + r] * scale, np.einsum("ukj,ju->ku", own_scale, t[1 + r :])

    def pack(fit: PoissonFit) -> Array:
        v = np.linalg.solve(own_scale, fit.own_weights.T[:, :, None])[:, :, 0].T if k else fit.own_weights
        parts = [((fit.bias - at_mean) / bias_scale)[None], axes.T @ fit.weights / scale, v]
        return np.concatenate(parts).astype(np.float64).ravel()

    def loss(theta: Array) -> tuple[float, Array]:
        bias, w, v = unpack(theta)
        eta = np.minimum(PoissonFit(bias, w, v).log_rate(z, own, offset), HIGHEST)
        rate = np.exp(eta)
        value = (rate - y * eta).sum(dtype=np.float64) + n / 2 * (strength * (w**2).sum() + own_strength * (v**2).sum())
        rate -= y
        slope = [
            (rate.sum(axis=0) * bias_scale)[None],
            (z.T @ rate + n * strength * w) * scale,
            np.einsum("ukj,ku->ju", own_scale, _project(own, rate) + n * own_strength * v),
        ]
        return float(value), np.concatenate(slope).astype(np.float64).ravel()

    found = minimize(
        loss, np.zeros((1 + r + k) * units) if start is None else pack(start), jac=True, method="L-BFGS-B",
        options={"maxiter": most, "maxcor": 10, "gtol": 0.0, "ftol": tolerance},
    )  # fmt: skip
    bias, w, v = unpack(found.x)
    return PoissonFit(bias, axes @ w, v)


def _project(own: Array, residual: Array) -> Array:
    """(k, unit): sums over samples of own (n, k, unit) times residual (n, unit)."""
    sums = [np.einsum("nu,nu->u", own[:, k], residual) for k in range(own.shape[1])]
    return np.array(sums).reshape(own.shape[1], own.shape[2])


def _whitening(own: Array, level: Array, strength: float) -> Array:
    """(unit, k, k): coordinates in which the Hessian of each unit's own weights at its mean rate is the identity."""
    n, k, units = own.shape
    gram = np.stack([_project(own, own[:, j]) for j in range(k)], axis=1) if k else np.empty((0, 0, units))
    hessian = (level * gram + n * strength * np.eye(k)[:, :, None]).transpose(2, 0, 1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(hessian)).transpose(0, 2, 1))


def _principal(x: Array) -> tuple[Array, Array]:
    """Variances and axes (predictor, axis) that x varies along; the penalty leaves no weight along the others."""
    if len(x) < x.shape[1]:
        _, s, axes = np.linalg.svd(x, full_matrices=False)
        variance, axes = s**2 / len(x), axes.T
    else:
        variance, axes = np.linalg.eigh(x.T @ x / len(x))
    keep = variance > 1e-10 * max(float(variance.max(initial=0.0)), 1e-300)
    return np.asarray(variance[keep]), np.asarray(axes[:, keep])
