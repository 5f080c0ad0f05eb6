"""Poisson regression of many units on one set of predictors at once, with a ridge penalty (McCullagh & Nelder 1989).

Kept by hand: scikit-learn and statsmodels fit one unit a call, know no predictors that only one unit has, and take a
factorisation per unit and step where all units together take two products with the predictors. Each unit has its own
length of step and its own memory of earlier steps, because the loss of one unit does not depend on the weights of
another; one search over the weights of all units takes three times as many steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_LOG_RATE = 30.0
"""While the search is under way: a step that is too long must not overflow."""
MEMORY = 8
"""Earlier steps that L-BFGS keeps."""
MAX_SHORTER = 20
"""Times that a step that is too long is made shorter."""
OVERSHOOT = 0.5
"""A step is too long if the slope of the loss at its end is positive and above this share of the slope at its start."""
MAX_RUNNING_SHARE = 0.75
"""Below this share of units whose search has not ended, the others are left out."""
MAX_ALL_AXES = 150
"""Of more predictors, one in AXES_SHARE principal axes is computed, in ITERATIONS steps."""
AXES_SHARE, ITERATIONS = 8, 3
MIN_SAMPLES, SAMPLES_PER_PREDICTOR = 4000, 4
"""Samples that suffice for the principal axes, which make the search short and do not change where it ends."""


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
        1e-8 is not met.
    y : NDArray, shape (sample, unit)
        Spikes per bin. Each unit needs a spike.
    offset : NDArray, shape (sample, unit)
        Log spikes per bin.
    penalty : float
        On the squared weights, positive.
    own : NDArray, shape (sample, k, unit), optional
        Predictors that only their own unit has.
    own_penalty : float
        On the squared weights of `own`, positive.
    tolerance : float
        The search of a unit ends when a step gains fewer nats per spike than this. A step that gains g changes log
        rates by about sqrt(2 g): the root of their mean square, weighted by rate.
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
    own = np.zeros((len(y), 0, y.shape[1]), x.dtype) if own is None else own
    problem = _Whitened(x, y, offset, penalty, own, own_penalty)
    if initial is None:
        sizes = ((k, y.shape[1]) for k in (x.shape[1], own.shape[1]))
        start = PoissonFit(np.zeros(y.shape[1]), *(np.zeros(size, x.dtype) for size in sizes))
    else:
        start = replace(initial, bias=initial.bias - problem.at_mean)
    fit = _search(problem, start, offset, tolerance, max_iter)
    return PoissonFit(fit.bias + problem.at_mean, fit.weights, fit.own_weights)


class _Whitened:
    """The loss of `fit_poisson` in coordinates theta in which its Hessian at the mean rates is close to an identity.

    Weights are scaled along the principal axes of x by each unit's curvature, and in all directions beside these by one
    factor. theta: (1 + predictor + k, unit): bias, weights of x, weights of `own`.
    """

    def __init__(self, x: Array, y: Array, offset: Array, penalty: float, own: Array, own_penalty: float) -> None:
        self.x, self.y, self.own = x, y.astype(x.dtype, copy=False), own
        self.n = len(x)
        self.penalty, self.own_penalty = self.n * penalty, self.n * own_penalty
        self.spikes = y.sum(axis=0, dtype=np.float64)
        level = self.spikes / self.n
        variance, self.axes, rest = _principal(x)
        curvature = self.n * (level * np.append(variance, rest)[:, None] + penalty)
        *on_axes, beside = 1 / np.sqrt(curvature)
        self.beside = beside.astype(x.dtype)
        self.scale = (np.reshape(on_axes, (len(variance), len(level))) - beside).astype(x.dtype)
        self.own_scale = _whitening(own, level, self.own_penalty)
        self.bias_scale = 1 / np.sqrt(self.spikes)
        self.at_mean = np.log(level / np.exp(offset).mean(axis=0, dtype=np.float64))

    def unpack(self, theta: Array) -> PoissonFit:
        """The weights; the bias is that beyond `at_mean`."""
        p = self.x.shape[1]
        own_weights = np.einsum("ukj,ju->ku", self.own_scale, theta[1 + p :])
        weights = self._scaled(theta[1 : 1 + p].astype(self.x.dtype))
        return PoissonFit(theta[0] * self.bias_scale, weights, own_weights)

    def _scaled(self, weights: Array) -> Array:
        """(predictor, unit): along each axis times its scale. The transpose of this map is the map itself."""
        return np.asarray(self.beside * weights + self.axes @ (self.scale * (self.axes.T @ weights)))

    def change(self, step: PoissonFit) -> Array:
        """(sample, unit), of log rates by a step."""
        change = self.x @ step.weights
        change += step.bias.astype(change.dtype)
        for k, weight in enumerate(step.own_weights.astype(change.dtype)):
            change += self.own[:, k] * weight
        return np.asarray(change)

    def gradient(self, residual: Array, at: PoissonFit) -> Array:
        """Of the loss by theta. residual: (sample, unit), rate - y."""
        own = _project(self.own, residual) + self.own_penalty * at.own_weights
        return np.concatenate(
            [
                (residual.sum(axis=0, dtype=np.float64) * self.bias_scale)[None],
                self._scaled(self.x.T @ residual + self.penalty * at.weights),
                np.einsum("ukj,ku->ju", self.own_scale, own),
            ]
        )

    def penalties(self, a: PoissonFit, b: PoissonFit) -> Array:
        """(unit,), inner product of two weights under the penalty."""
        shared = (a.weights * b.weights).sum(axis=0, dtype=np.float64)
        return self.penalty * shared + self.own_penalty * (a.own_weights * b.own_weights).sum(axis=0)

    def of_units(self, keep: NDArray[np.bool_]) -> _Whitened:
        """The same for some of the units."""
        part = copy(self)
        for name in ("y", "own", "spikes", "scale", "beside", "bias_scale", "at_mean"):
            setattr(part, name, getattr(self, name)[..., keep])
        part.own_scale = self.own_scale[keep]
        return part


@dataclass(frozen=True)
class _Place:
    """Where the search is.

    fit: the weights, of bias that beyond the mean rates. eta, rate: (sample, unit). gradient: by theta.
    memory: (step, change of the gradient, one over their product or 0) of earlier steps, the latest last.
    """

    fit: PoissonFit
    eta: Array
    rate: Array
    gradient: Array
    memory: tuple[tuple[Array, Array, Array], ...] = ()

    def of_units(self, keep: NDArray[np.bool_]) -> _Place:
        """The same for some of the units."""
        eta, rate, gradient = (a[:, keep] for a in (self.eta, self.rate, self.gradient))
        memory = tuple((s[:, keep], y[:, keep], inverse[keep]) for s, y, inverse in self.memory)
        return _Place(_of_units(self.fit, keep), eta, rate, gradient, memory)


def _search(problem: _Whitened, fit: PoissonFit, offset: Array, tolerance: float, max_iter: int) -> PoissonFit:
    """The fit at which the loss is least, by L-BFGS: one search for each unit, all at the same time.

    Units whose search has ended are left out as soon as they are many: they would cost as much as the others.
    """
    eta = problem.change(fit) + (offset + problem.at_mean).astype(problem.x.dtype)
    rate = _rate(eta)
    at = _Place(fit, eta, rate, problem.gradient(rate - problem.y, fit))
    units, runs = np.arange(eta.shape[1]), np.ones(eta.shape[1], np.bool_)
    ended: list[tuple[NDArray[np.intp], PoissonFit]] = []
    for _ in range(max_iter):
        at, gain = _step(problem, at, runs)
        runs &= gain > tolerance * problem.spikes
        if not runs.any():
            break
        if runs.mean() < MAX_RUNNING_SHARE:
            ended.append((units[~runs], _of_units(at.fit, ~runs)))
            problem, at, units, runs = problem.of_units(runs), at.of_units(runs), units[runs], runs[runs]
    ended.append((units, at.fit))
    order = np.argsort(np.concatenate([units for units, _ in ended]))
    parts = [(fit.bias, fit.weights, fit.own_weights) for _, fit in ended]
    return PoissonFit(*(np.concatenate(p, axis=-1)[..., order] for p in zip(*parts, strict=True)))


def _step(problem: _Whitened, at: _Place, runs: NDArray[np.bool_]) -> tuple[_Place, Array]:
    """One step of every unit whose search runs, and what it gains at the least (unit,), nats.

    The length is that of Newton's method in one dimension. Where it is too long, it is shortened to the zero of the
    line through the slopes of the loss at both ends.
    """
    direction = _direction(at.gradient, at.memory)
    towards = problem.unpack(direction)
    change = problem.change(towards)
    slope = (at.gradient * direction).sum(axis=0)
    bend = problem.penalties(towards, towards)
    curvature = np.einsum("nu,nu->u", at.rate * change, change) + bend
    length = np.where(runs & (slope < 0), -slope / np.maximum(curvature, np.finfo(np.float64).tiny), 0.0)
    gain = -0.5 * length * slope
    constant = problem.penalties(at.fit, towards) - np.einsum("nu,nu->u", problem.y, change)
    for _ in range(MAX_SHORTER):
        eta = at.eta + change * length.astype(change.dtype)
        rate = _rate(eta)
        end = np.einsum("nu,nu->u", rate, change) + constant + length * bend
        long = (end > -OVERSHOOT * slope) & (length > 0)
        if not long.any():
            break
        length[long] *= np.maximum(slope[long] / (slope[long] - end[long]), 0.1)
    fit = PoissonFit(
        at.fit.bias + length * towards.bias,
        at.fit.weights + length.astype(change.dtype) * towards.weights,
        at.fit.own_weights + length * towards.own_weights,
    )
    gradient = problem.gradient(rate - problem.y, fit)
    step, change = length * direction, gradient - at.gradient
    product = (step * change).sum(axis=0)
    memory = (*at.memory, (step, change, 1 / np.where(product > 0, product, np.inf)))[-MEMORY:]
    return _Place(fit, eta, rate, gradient, memory), gain


def _direction(gradient: Array, memory: Sequence[tuple[Array, Array, Array]]) -> Array:
    """Minus the gradient times the inverse Hessian that the earlier steps of each unit show (Nocedal 1980).

    memory: (step, change of the gradient, one over their product or 0), the latest last.
    """
    q, shares = -gradient, []
    for step, change, inverse in reversed(memory):
        shares.append(inverse * (step * q).sum(axis=0))
        q = q - shares[-1] * change
    if memory:
        _, change, inverse = memory[-1]
        squares = inverse * (change**2).sum(axis=0)
        q = q / np.where(squares > 0, squares, 1.0)
    for (step, change, inverse), share in zip(memory, reversed(shares), strict=True):
        q = q + (share - inverse * (change * q).sum(axis=0)) * step
    return q


def _of_units(fit: PoissonFit, keep: NDArray[np.bool_]) -> PoissonFit:
    return PoissonFit(fit.bias[keep], fit.weights[:, keep], fit.own_weights[:, keep])


def _rate(eta: Array) -> Array:
    return np.asarray(np.exp(np.minimum(eta, MAX_LOG_RATE)))


def _project(own: Array, residual: Array) -> Array:
    """(k, unit): sums over samples of own (n, k, unit) times residual (n, unit)."""
    sums = [np.einsum("nu,nu->u", own[:, k], residual) for k in range(own.shape[1])]
    return np.array(sums, np.float64).reshape(own.shape[1], own.shape[2])


def _whitening(own: Array, level: Array, penalty: float) -> Array:
    """(unit, k, k): coordinates in which the Hessian of each unit's own weights at its mean rate is the identity."""
    _, k, units = own.shape
    gram = np.stack([_project(own, own[:, j]) for j in range(k)], axis=1) if k else np.empty((0, 0, units))
    hessian = (level * gram + penalty * np.eye(k)[:, :, None]).transpose(2, 0, 1)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(hessian)).transpose(0, 2, 1))


def _principal(x: Array) -> tuple[Array, Array, float]:
    """Variances (axis,) and axes (predictor, axis) of x, and the mean variance in the directions beside the axes.

    Many predictors: the axes of largest variance, by subspace iteration (Halko, Martinsson & Tropp 2011, SIAM Review
    53:217); the search is short if it knows those. With fewer samples than predictors: the axes that x varies along.
    """
    n, p = x.shape
    if n < p:
        variance, vectors = np.linalg.eigh(x @ x.T / n)
        keep = variance > n * np.finfo(x.dtype).eps * max(float(variance.max(initial=0.0)), 1e-30)
        axes = np.asarray(x.T @ (vectors[:, keep] / np.sqrt(n * variance[keep])))
        return variance[keep].astype(np.float64), axes, 0.0
    some = x[:: max(1, n // max(MIN_SAMPLES, SAMPLES_PER_PREDICTOR * p))]
    gram = some.T @ some / len(some)
    if p <= MAX_ALL_AXES:
        variance, axes = np.linalg.eigh(gram)
        return np.maximum(variance, 0.0).astype(np.float64), axes, 0.0
    axes = np.random.default_rng(0).normal(size=(p, p // AXES_SHARE)).astype(x.dtype)
    for _ in range(ITERATIONS):
        axes = np.linalg.qr(gram @ axes)[0]
    variance, turn = np.linalg.eigh(axes.T @ gram @ axes)
    rest = max(float(np.trace(gram) - variance.sum()), 0.0) / (p - len(variance))
    return np.maximum(variance, 0.0).astype(np.float64), axes @ turn, rest
