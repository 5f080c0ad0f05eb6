"""Nested Poisson regressions of target spikes: blocks of predictors are added one after the other, or left out.

log rate = log course + bias + sum over blocks of w x, each block with its own ridge penalty. A new block's penalty is
chosen on windows that the fit has not seen, with the settings of all earlier blocks as they were chosen before; one
that does not help there is left out. So two steps differ in nothing but the new block: were both tuned apart, the step
with more predictors would gain by a better tuned history alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.metrics import floored
from spikebridge.models.parts.regressors import SmoothedPsth
from spikebridge.nested_models.encoding.design_matrices import Block, View
from spikebridge.regression import PoissonFit, fit_poisson

Array = NDArray[np.float64]
TINY = 1e-6
"""Spikes per bin, of a unit that never fired."""
FLOOR = 0.05
"""Of a unit's mean rate, below which the course of a trial does not go."""
COURSES: tuple[tuple[float, float], ...] = tuple((s, k) for s in (1.5, 4.0) for k in (5.0, 20.0, 80.0, np.inf))
"""(smoothing in bins, windows to shrink by) of the course of a trial; infinite: its mean over trials alone."""
Make = Callable[[View], Block]
Array32 = NDArray[Any]
"""In single precision, in which the fits are."""


@dataclass
class Memory:
    """What fits in one view need again: blocks by their place, what they are added to (log rates of windows learned
    from and scored), and the last fit, which the next one starts from."""

    blocks: dict[int, Block] = field(default_factory=dict)
    offsets: tuple[Array, Array] | None = None
    fit: PoissonFit | None = None

    def clear(self) -> None:
        self.blocks, self.offsets, self.fit = {}, None, None


@dataclass(frozen=True)
class Part:
    """A block to try. settings: name -> how it is made. penalties: relative to the mean variance of its predictors."""

    name: str
    settings: Sequence[tuple[str, Make]]
    penalties: Sequence[float]


@dataclass(frozen=True)
class Added:
    """A block as it was chosen."""

    part: str
    setting: str
    make: Make
    penalty: float


@dataclass(frozen=True)
class Nested:
    """What has been chosen so far. course: (smoothing in bins, shrink), or None for the mean rate `base`.

    before: what stays as it was fitted while `added` is fitted to what it leaves over; without it the course does.
    """

    base: Array
    course: tuple[float, float] | None = None
    added: tuple[Added, ...] = ()
    before: Nested | None = None

    def apart(self) -> Nested:
        """As it is, for blocks that are fitted to what it leaves over."""
        return Nested(self.base, self.course, before=self)

    def rates(self, view: View, memory: Memory | None = None, tolerance: float = 1e-6) -> Array:
        """(window, bin, unit), spikes per bin in the scored windows, by a fit to those that are learned from."""
        log_rates = self._log_rates(view, Memory() if memory is None else memory, tolerance)[1]
        return np.where(view.level() > 0, np.exp(log_rates), TINY) if self.added else np.exp(log_rates)

    def _log_rates(self, view: View, memory: Memory, tolerance: float = 1e-6) -> tuple[Array, Array]:
        """(window, bin, unit), of windows learned from and of those scored."""
        if memory.offsets is None:
            memory.offsets = self._courses(view) if self.before is None else self.before._log_rates(view, Memory())
        if not self.added:
            return memory.offsets
        for k, a in enumerate(self.added):
            if k not in memory.blocks:
                memory.blocks[k] = a.make(view)
        pairs = [(memory.blocks[k], a.penalty) for k, a in enumerate(self.added)]
        fires = view.level() > 0
        units = len(fires)
        learn, score = (o.reshape(-1, units).copy() for o in memory.offsets)
        y = view.learn.target.reshape(-1, units)[:, fires].astype(np.float32)
        low, high = (o[:, fires].astype(np.float32) for o in (learn, score))
        learn[:, fires], score[:, fires], memory.fit = fitted(y, low, high, pairs, fires, tolerance, memory.fit)
        return learn.reshape(memory.offsets[0].shape), score.reshape(memory.offsets[1].shape)

    def _courses(self, view: View) -> tuple[Array, Array]:
        """Log of the course of a trial in windows learned from and scored, (window, bin, unit)."""
        if self.course is None:
            log = np.log(np.maximum(self.base, TINY))
            return tuple(np.broadcast_to(log, w.target.shape) for w in (view.learn, view.score))  # type: ignore
        smoothing, shrink = self.course
        course = SmoothedPsth.fit(view.learn.target, view.learn, smoothing, shrink)
        least = np.maximum(FLOOR * course.mean, TINY)
        return tuple(np.log(np.maximum(course.expected(w), least)) for w in (view.learn, view.score))  # type: ignore


def fitted(
    y: Array32, learn: Array32, score: Array32, blocks: Sequence[tuple[Block, float]], fires: NDArray[np.bool_],
    tolerance: float = 1e-6, before: PoissonFit | None = None,
) -> tuple[Array32, Array32, PoissonFit]:  # fmt: skip
    """(sample, unit), log rates of what is learned from, and of what is scored, none beyond the highest of the first;
    and the fit.

    y: (sample, unit), counts learned from. learn, score: (sample, unit), offsets. fires: which units of a block's own
    predictors these are. A penalty p adds n/2 p m |w|^2 to the loss of a unit, m the mean rate of all units in spikes
    per bin: units with fewer spikes are drawn more towards what was known before. before: a fit to begin with, of these
    blocks or all but the last. Weights of the fit are those of the blocks as they are.
    """
    x, x_score, root = _side_by_side([(b.learn, b.score, p) for b, p in blocks if not b.own], learn, score)
    mine = [(b.learn[:, :, fires], b.score[:, :, fires], p) for b, p in blocks if b.own]
    v, v_score, v_root = _side_by_side(mine, learn[:, None][:, :0], score[:, None][:, :0])
    level = float(y.mean())
    start = None if before is None else PoissonFit(
        before.bias, _padded(before.weights, len(root)) * root, _padded(before.own_weights, len(v_root)) * v_root
    )  # fmt: skip
    fit = fit_poisson(x, y, learn, level, v, level, tolerance, initial=start)
    learned = fit.log_rate(x, v, learn)
    told = np.minimum(fit.log_rate(x_score, v_score, score), learned.max(axis=0))
    return learned, told, PoissonFit(fit.bias, fit.weights / root, fit.own_weights / v_root)


def _side_by_side(
    blocks: Sequence[tuple[Array, Array, float]], learn: Array32, score: Array32
) -> tuple[Array32, Array32, Array]:
    """Predictors over the root of their penalties, learned from and scored, and (predictor, 1) these roots."""
    first, second = np.empty((len(learn), 0, *learn.shape[2:])), np.empty((len(score), 0, *score.shape[2:]))
    roots = [np.full((a.shape[1], 1), np.sqrt(p)) for a, _, p in blocks]
    return (
        np.concatenate([first, *(a / np.sqrt(p) for a, _, p in blocks)], axis=1).astype(np.float32),
        np.concatenate([second, *(b / np.sqrt(p) for _, b, p in blocks)], axis=1).astype(np.float32),
        np.concatenate([np.empty((0, 1)), *roots]).astype(np.float32),
    )


def _padded(weights: Array, rows: int) -> Array:
    return np.concatenate([weights, np.zeros((rows - len(weights), weights.shape[1]), weights.dtype)])


def nats(rates: Array, counts: NDArray[Any], base: Array) -> Array:
    """(window, unit), sum over bins of y log(rate / base) - (rate - base), as metrics.information has it."""
    rate, low = floored(rates), floored(base)
    return np.asarray((counts * np.log(rate / low) - (rate - low)).sum(axis=1))


def with_course(nested: Nested, view: View) -> Nested:
    """With the course of a trial that tells most of the scored windows, or without one."""
    found = [nested, *(Nested(nested.base, course) for course in COURSES)]
    return max(found, key=lambda n: _value(n, view, Memory()))


def with_part(nested: Nested, part: Part, view: View, memory: Memory | None = None) -> Nested:
    """With the setting and penalty of a part that tell most of the scored windows, or without it (the first of equals).

    Searched from the strongest penalty to the weakest, until it does worse twice. memory: of `nested` in this view, and
    then of what is returned.
    """
    memory = Memory() if memory is None else memory
    best, value, k = nested, _value(nested, view, memory), len(nested.added)
    before = memory.fit
    kept: tuple[PoissonFit | None, Block | None] = (before, None)
    for candidates in _candidates(nested, part):
        memory.fit, worse, highest = before, 0, -np.inf
        memory.blocks.pop(k, None)
        for candidate in candidates:
            now = _value(candidate, view, memory)
            worse, highest = 0 if now > highest else worse + 1, max(highest, now)
            if now > value:
                best, value, kept = candidate, now, (memory.fit, memory.blocks[k])
            if worse == 2:
                break
    memory.fit = kept[0]
    memory.blocks.pop(k, None)
    if kept[1] is not None:
        memory.blocks[k] = kept[1]
    return best


def _candidates(nested: Nested, part: Part) -> Iterable[Iterable[Nested]]:
    for setting, make in part.settings:
        yield [
            replace(nested, added=(*nested.added, Added(part.name, setting, make, p)))
            for p in sorted(part.penalties, reverse=True)
        ]


def _value(nested: Nested, view: View, memory: Memory) -> float:
    return float(nats(nested.rates(view, memory, 3e-5), view.score.target, nested.base).sum())
