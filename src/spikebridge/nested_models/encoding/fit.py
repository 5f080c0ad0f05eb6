"""Nested Poisson regressions of target spikes: groups of predictors are added one after the other, or left out.

log rate = log PSTH + bias + sum over groups of w x, each group with its own ridge penalty. The penalty of a new group
is chosen on windows that the fit has not seen, with the settings of all earlier groups as they were chosen before; a
group that does not help there is left out. So two models differ in nothing but the new group: if both were tuned apart,
the model with more predictors would gain by a better tuned history alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.metrics import floored
from spikebridge.models.parts.regressors import SmoothedPsth
from spikebridge.nested_models.encoding.design_matrices import FitData, Predictors
from spikebridge.regression import PoissonFit, fit_poisson

Array = NDArray[np.float64]
MIN_RATE = 1e-6
"""Spikes per bin, of a unit that never fired."""
MIN_PSTH_SHARE = 0.05
"""Share of a unit's mean rate below which its PSTH does not go."""
PSTH_SETTINGS: tuple[tuple[float, float], ...] = tuple((s, k) for s in (1.5, 4.0) for k in (5.0, 20.0, 80.0, np.inf))
"""(smoothing in bins, windows to shrink by) of the PSTH; infinite: the mean over the bins of a trial."""
Make = Callable[[FitData], Predictors]
Array32 = NDArray[Any]
"""In single precision, in which the fits are."""


@dataclass
class FitCache:
    """What later fits to the same data need again: groups of predictors by their place, what they are added to (log
    rates of windows learned from and scored), and the last fit, which the next one starts from."""

    groups: dict[int, Predictors] = field(default_factory=dict)
    offsets: tuple[Array, Array] | None = None
    fit: PoissonFit | None = None

    def clear(self) -> None:
        self.groups, self.offsets, self.fit = {}, None, None


@dataclass(frozen=True)
class CandidatePredictors:
    """Predictors to try. settings: (name, how they are made). penalties: relative to their mean variance."""

    name: str
    settings: Sequence[tuple[str, Make]]
    penalties: Sequence[float]


@dataclass(frozen=True)
class AddedPredictors:
    """Predictors as they were chosen."""

    name: str
    setting: str
    make: Make
    penalty: float


@dataclass(frozen=True)
class NestedRegression:
    """What has been chosen so far. psth: (smoothing in bins, windows to shrink by), None for the mean rate `base`.

    before: a regression that stays as it was fitted, while `added` is fitted to what it leaves over; without it,
    `added` is fitted to what the PSTH leaves over.
    """

    base: Array
    psth: tuple[float, float] | None = None
    added: tuple[AddedPredictors, ...] = ()
    before: NestedRegression | None = None

    def as_offset(self) -> NestedRegression:
        """As it is, for predictors that are fitted to what it leaves over."""
        return NestedRegression(self.base, self.psth, before=self)

    def rates(self, data: FitData, cache: FitCache | None = None, tolerance: float = 1e-6) -> Array:
        """(window, bin, unit), spikes per bin in the scored windows, by a fit to those that are learned from."""
        log_rates = self._log_rates(data, FitCache() if cache is None else cache, tolerance)[1]
        return np.where(data.level() > 0, np.exp(log_rates), MIN_RATE) if self.added else np.exp(log_rates)

    def _log_rates(self, data: FitData, cache: FitCache, tolerance: float = 1e-6) -> tuple[Array, Array]:
        """(window, bin, unit), of windows learned from and of those scored."""
        if cache.offsets is None:
            cache.offsets = self._log_psth(data) if self.before is None else self.before._log_rates(data, FitCache())
        if not self.added:
            return cache.offsets
        for k, a in enumerate(self.added):
            if k not in cache.groups:
                cache.groups[k] = a.make(data)
        pairs = [(cache.groups[k], a.penalty) for k, a in enumerate(self.added)]
        fires = data.level() > 0
        units = len(fires)
        learn, score = (o.reshape(-1, units).copy() for o in cache.offsets)
        y = data.learn.target.reshape(-1, units)[:, fires].astype(np.float32)
        low, high = (o[:, fires].astype(np.float32) for o in (learn, score))
        learn[:, fires], score[:, fires], cache.fit = fitted(y, low, high, pairs, fires, tolerance, cache.fit)
        return learn.reshape(cache.offsets[0].shape), score.reshape(cache.offsets[1].shape)

    def _log_psth(self, data: FitData) -> tuple[Array, Array]:
        """Log of the PSTH in windows learned from and scored, (window, bin, unit)."""
        if self.psth is None:
            log = np.log(np.maximum(self.base, MIN_RATE))
            return tuple(np.broadcast_to(log, w.target.shape) for w in (data.learn, data.score))  # type: ignore
        smoothing, shrink = self.psth
        psth = SmoothedPsth.fit(data.learn.target, data.learn, smoothing, shrink)
        lowest = np.maximum(MIN_PSTH_SHARE * psth.mean, MIN_RATE)
        return tuple(np.log(np.maximum(psth.expected(w), lowest)) for w in (data.learn, data.score))  # type: ignore


def fitted(
    y: Array32, learn: Array32, score: Array32, groups: Sequence[tuple[Predictors, float]], fires: NDArray[np.bool_],
    tolerance: float = 1e-6, before: PoissonFit | None = None,
) -> tuple[Array32, Array32, PoissonFit]:  # fmt: skip
    """(sample, unit), log rates of what is learned from, and of what is scored, none beyond the highest of the first;
    and the fit.

    y: (sample, unit), counts learned from. learn, score: (sample, unit), offsets. fires: which units of a group's own
    predictors these are. A penalty p adds n/2 p m |w|^2 to the loss of a unit, m the mean rate of all units in spikes
    per bin: units with fewer spikes are drawn more towards their offset. before: a fit to begin with, of these
    groups or all but the last. Weights of the fit are those of the groups as they are.
    """
    x, x_score, root = _side_by_side([(b.learn, b.score, p) for b, p in groups if not b.own], learn, score)
    own = [(b.learn[:, :, fires], b.score[:, :, fires], p) for b, p in groups if b.own]
    v, v_score, v_root = _side_by_side(own, learn[:, None][:, :0], score[:, None][:, :0])
    level = float(y.mean())
    start = None if before is None else PoissonFit(
        before.bias, _padded(before.weights, len(root)) * root, _padded(before.own_weights, len(v_root)) * v_root
    )  # fmt: skip
    fit = fit_poisson(x, y, learn, level, v, level, tolerance, initial=start)
    learned = fit.log_rate(x, v, learn)
    predicted = np.minimum(fit.log_rate(x_score, v_score, score), learned.max(axis=0))
    return learned, predicted, PoissonFit(fit.bias, fit.weights / root, fit.own_weights / v_root)


def _side_by_side(
    groups: Sequence[tuple[Array, Array, float]], learn: Array32, score: Array32
) -> tuple[Array32, Array32, Array]:
    """Predictors over the root of their penalties, learned from and scored, and (predictor, 1) these roots."""
    first, second = np.empty((len(learn), 0, *learn.shape[2:])), np.empty((len(score), 0, *score.shape[2:]))
    roots = [np.full((a.shape[1], 1), np.sqrt(p)) for a, _, p in groups]
    return (
        np.concatenate([first, *(a / np.sqrt(p) for a, _, p in groups)], axis=1).astype(np.float32),
        np.concatenate([second, *(b / np.sqrt(p) for _, b, p in groups)], axis=1).astype(np.float32),
        np.concatenate([np.empty((0, 1)), *roots]).astype(np.float32),
    )


def _padded(weights: Array, rows: int) -> Array:
    return np.concatenate([weights, np.zeros((rows - len(weights), weights.shape[1]), weights.dtype)])


def nats(rates: Array, counts: NDArray[Any], base: Array) -> Array:
    """(window, unit), sum over bins of y log(rate / base) - (rate - base), as metrics.information has it."""
    rate, low = floored(rates), floored(base)
    return np.asarray((counts * np.log(rate / low) - (rate - low)).sum(axis=1))


def with_psth(nested: NestedRegression, data: FitData) -> NestedRegression:
    """With the PSTH that predicts the scored windows best, or without one."""
    candidates = [nested, *(NestedRegression(nested.base, psth) for psth in PSTH_SETTINGS)]
    return max(candidates, key=lambda n: _value(n, data, FitCache()))


def with_predictors(
    nested: NestedRegression, candidate: CandidatePredictors, data: FitData, cache: FitCache | None = None
) -> NestedRegression:
    """With the setting and penalty of the candidate that predict the scored windows best, or without it (first of
    equals).

    Searched from the strongest penalty to the weakest, until it does worse twice. cache: of `nested` in this data, and
    then of what is returned.
    """
    cache = FitCache() if cache is None else cache
    best, value, k = nested, _value(nested, data, cache), len(nested.added)
    before = cache.fit
    kept: tuple[PoissonFit | None, Predictors | None] = (before, None)
    for regressions in _regressions(nested, candidate):
        cache.fit, worse, highest = before, 0, -np.inf
        cache.groups.pop(k, None)
        for regression in regressions:
            now = _value(regression, data, cache)
            worse, highest = 0 if now > highest else worse + 1, max(highest, now)
            if now > value:
                best, value, kept = regression, now, (cache.fit, cache.groups[k])
            if worse == 2:
                break
    cache.fit = kept[0]
    cache.groups.pop(k, None)
    if kept[1] is not None:
        cache.groups[k] = kept[1]
    return best


def _regressions(nested: NestedRegression, candidate: CandidatePredictors) -> Iterable[Iterable[NestedRegression]]:
    for setting, make in candidate.settings:
        yield [
            replace(nested, added=(*nested.added, AddedPredictors(candidate.name, setting, make, p)))
            for p in sorted(candidate.penalties, reverse=True)
        ]


def _value(nested: NestedRegression, data: FitData, cache: FitCache) -> float:
    return float(nats(nested.rates(data, cache, 3e-5), data.score.target, nested.base).sum())
