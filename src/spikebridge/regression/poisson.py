"""Poisson regression of many units on one set of predictors at once, with a ridge penalty (McCullagh & Nelder 1989).

Kept by hand: scikit-learn and statsmodels fit one unit a call, know no predictors that only one unit has, and take a
factorisation per unit and step where all units together take two products with the predictors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_LOG_RATE = 30.0
"""While the search is under way: a step that is too long must not overflow."""


@dataclass(frozen=True)
class PoissonFit:
    """Weights of log rate = offset + bias + x @ weights + sum_k own[:, k] * own_weights[k].

    Parameters
    ----------
    bias : NDArray, shape (unit,)
        Log spikes per bin.
    weights : NDArray, shape (predictor, unit)
        Of the predictors that all units share.
    own_weights : NDArray, shape (k, unit)
        Of the predictors that only their own unit has.
    """

    bias: Array
    weights: Array
    own_weights: Array

    def log_rate(self, x: Array, own: Array, offset: Array) -> Array:
        """Predict the log rates of samples.

        Parameters
        ----------
        x : NDArray, shape (sample, predictor)
            Predictors.
        own : NDArray, shape (sample, k, unit)
            Predictors that only their own unit has.
        offset : NDArray, shape (sample, unit)
            Log spikes per bin.

        Returns
        -------
        NDArray, shape (sample, unit)
            Log spikes per bin.
        """
        eta = offset + self.bias + x @ self.weights
        for k, weight in enumerate(self.own_weights):
            eta += own[:, k] * weight
        return np.asarray(eta)


def fit_poisson(
    x: Array,
    y: Array,
    offset: Array,
    penalty: float,
    own: Array | None = None,
    own_penalty: float = 1.0,
    tolerance: float = 1e-8,
    max_iter: int = 200,
    initial: PoissonFit | None = None,
) -> PoissonFit:
    """Minimise, for every unit, sum_t (rate - y log rate) + n/2 (penalty |weights|^2 + own_penalty |own_weights|^2).

    Parameters
    ----------
    x : NDArray, shape (sample, predictor)
        Predictors without their mean. Products are computed in the type of x: in single precision a tolerance below
        1e-6 is not met.
    y : NDArray, shape (sample, unit)
        Spikes per bin. Each unit needs a spike.
    offset : NDArray, shape (sample, unit)
        Log spikes per bin.
    penalty : float
        On the squared weights.
    own : NDArray, shape (sample, k, unit), optional
        Predictors that only their own unit has.
    own_penalty : float
        On the squared weights of `own`.
    tolerance : float
        The search ends when a step gains less than this share of the loss.
    max_iter : int
        Steps of L-BFGS at most.
    initial : PoissonFit, optional
        Where the search begins; the mean rates unless given.

    Returns
    -------
    PoissonFit
        The weights of all units.

    References
    ----------
    McCullagh & Nelder 1989, Generalized Linear Models. Liu & Nocedal 1989, Math Program 45:503 (L-BFGS).
    """
    from scipy.optimize import minimize

    n, units = y.shape
    own = np.zeros((n, 0, units)) if own is None else own
    problem = _Whitened(x, y, offset, penalty, own, own_penalty)
    optimum = minimize(
        problem.loss, problem.zeros() if initial is None else problem.pack(initial), jac=True, method="L-BFGS-B",
        options={"maxiter": max_iter, "maxcor": 10, "gtol": 0.0, "ftol": tolerance},
    )  # fmt: skip
    bias, w, v = problem.unpack(optimum.x)
    return PoissonFit(bias, problem.axes @ w, v)


class _Whitened:
    """The loss of `fit_poisson` in coordinates theta in which its Hessian at the mean rates is an identity.

    They are the principal axes of x, each unit's scaled by its curvature. L-BFGS then takes about twenty steps, each
    two products with x; a step of Newton's method would take a factorisation for every unit. theta: flat, from (1 +
    axis + k, unit): bias, weights on the principal axes of x, weights of `own`.
    """

    def __init__(self, x: Array, y: Array, offset: Array, penalty: float, own: Array, own_penalty: float) -> None:
        self.y, self.offset, self.own = y, offset, own
        self.penalty, self.own_penalty = penalty, own_penalty
        self.n, self.units = y.shape
        self.dtype = x.dtype
        variance, self.axes = _principal(x)
        self.z = x @ self.axes
        level = y.mean(axis=0)
        self.scale = 1 / np.sqrt(self.n * (level * variance[:, None] + penalty))
        self.own_scale = _whitening(own, level, own_penalty)
        self.bias_scale = 1 / np.sqrt(self.n * level)
        self.at_mean = np.log(level / np.exp(offset).mean(axis=0))
        self.r, self.k = self.z.shape[1], own.shape[1]

    def zeros(self) -> Array:
        return np.zeros((1 + self.r + self.k) * self.units)

    def unpack(self, theta: Array) -> tuple[Array, Array, Array]:
        """Bias (unit,), weights on the axes (axis, unit) and weights of `own` (k, unit)."""
        t = theta.reshape(1 + self.r + self.k, self.units).astype(self.dtype)
        own_weights = np.einsum("ukj,ju->ku", self.own_scale, t[1 + self.r :])
        return self.at_mean + t[0] * self.bias_scale, t[1 : 1 + self.r] * self.scale, own_weights

    def pack(self, fit: PoissonFit) -> Array:
        """The theta of a fit."""
        v: Array = fit.own_weights
        if self.k:
            v = np.linalg.solve(self.own_scale, fit.own_weights.T[:, :, None])[:, :, 0].T.astype(np.float64)
        parts = [((fit.bias - self.at_mean) / self.bias_scale)[None], self.axes.T @ fit.weights / self.scale, v]
        return np.concatenate(parts).astype(np.float64).ravel()

    def loss(self, theta: Array) -> tuple[float, Array]:
        """The loss and its gradient."""
        n, penalty, own_penalty = self.n, self.penalty, self.own_penalty
        bias, w, v = self.unpack(theta)
        eta = np.minimum(PoissonFit(bias, w, v).log_rate(self.z, self.own, self.offset), MAX_LOG_RATE)
        rate = np.exp(eta)
        squares = penalty * (w**2).sum() + own_penalty * (v**2).sum()
        value = (rate - self.y * eta).sum(dtype=np.float64) + n / 2 * squares
        rate -= self.y
        gradient = [
            (rate.sum(axis=0) * self.bias_scale)[None],
            (self.z.T @ rate + n * penalty * w) * self.scale,
            np.einsum("ukj,ku->ju", self.own_scale, _project(self.own, rate) + n * own_penalty * v),
        ]
        return float(value), np.concatenate(gradient).astype(np.float64).ravel()


def _project(own: Array, residual: Array) -> Array:
    """(k, unit): sums over samples of own (n, k, unit) times residual (n, unit)."""
    sums = [np.einsum("nu,nu->u", own[:, k], residual) for k in range(own.shape[1])]
    return np.array(sums).reshape(own.shape[1], own.shape[2])


def _whitening(own: Array, level: Array, penalty: float) -> Array:
    """(unit, k, k): coordinates in which the Hessian of each unit's own weights at its mean rate is the identity."""
    n, k, units = own.shape
    gram = np.stack([_project(own, own[:, j]) for j in range(k)], axis=1) if k else np.empty((0, 0, units))
    hessian = (level * gram + n * penalty * np.eye(k)[:, :, None]).transpose(2, 0, 1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(hessian)).transpose(0, 2, 1))


def _principal(x: Array) -> tuple[Array, Array]:
    """Variances (axis,) and axes (predictor, axis) that x varies along; the penalty leaves no weight along others."""
    if len(x) < x.shape[1]:
        _, s, axes = np.linalg.svd(x, full_matrices=False)
        variance, axes = s**2 / len(x), axes.T
    else:
        variance, axes = np.linalg.eigh(x.T @ x / len(x))
    keep = variance > 1e-10 * max(float(variance.max(initial=0.0)), 1e-300)
    return np.asarray(variance[keep]), np.asarray(axes[:, keep])
