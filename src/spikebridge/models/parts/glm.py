"""The base class of Poisson translators: blocks of predictors with a penalty each, and files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.saved_arrays import float64_arrays, load_arrays, save_arrays
from spikebridge.regression import PoissonFit, fit_poisson
from spikebridge.types import Predictions, Windows

Array = NDArray[np.float64]
TOLERANCE = 1e-7
"""Nats per spike: log rates are within about 5e-4 of the optimum, root mean square weighted by rate."""


@dataclass(frozen=True)
class Design:
    """Predictors of one recording.

    blocks: (window, bin, predictor) each with its penalty. own: (window, bin, k, unit), of which each unit has its own.
    """

    blocks: Sequence[tuple[Array, float]]
    own: Array | None = None
    own_penalty: float = 1.0


@dataclass(frozen=True)
class _Scaled:
    """A block without its mean, scaled so that the same penalty holds for all blocks."""

    x: Array
    mean: Array
    scale: Array = field(repr=False)


class PoissonTranslator(Model):
    """log rate(t) = log baseline(t) + b + w x(t), with a ridge penalty on w.

    A block's penalty is relative to the mean variance of its predictors and the mean rate of all units, so that units
    with fewer spikes are shrunk more towards their mean. No rate exceeds the highest one in training.
    """

    decides: ClassVar[bool] = False
    translates: ClassVar[bool] = True

    @abstractmethod
    def _design(self, w: Windows, mean: Array) -> Design:
        """Predictors of windows. mean: (unit,), mean spikes per bin of the target in training."""

    @abstractmethod
    def _sizes(self, n_source: int, n_target: int) -> tuple[int, int]:
        """How many predictors the blocks of `_design` have together, and how many each unit has alone."""

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.weights = {w.recording: self._fit_recording(w) for w in train}

    def _fit_recording(self, w: Windows) -> dict[str, Array]:
        base = w.target.mean(axis=(0, 1), dtype=np.float64)
        design = self._design(w, base)
        blocks = [_scaled(values, penalty) for values, penalty in design.blocks]
        x = np.concatenate([b.x for b in blocks], axis=1)
        n, units = len(x), len(base)
        own = np.zeros((n, 0, units)) if design.own is None else _flat(design.own)
        own_scale = 1 / np.sqrt(np.maximum((own**2).mean(axis=(0, 2)) * design.own_penalty, 1e-12))
        fires = base > 0
        bias, slope, own_slope = np.zeros(units), np.zeros((x.shape[1], units)), np.zeros((own.shape[1], units))
        offset = np.log(self.cross_fitted_baseline(w).astype(np.float64)).reshape(n, units)
        highest = np.zeros(units)
        if fires.any():
            level = float(base.mean())
            y = w.target.reshape(n, units)[:, fires].astype(np.float64)
            scaled = own[:, :, fires] * own_scale[:, None]
            fit = self._solve(x, y, offset[:, fires], level, scaled, level)
            bias[fires], slope[:, fires], own_slope[:, fires] = fit.bias, fit.weights, fit.own_weights
            highest[fires] = fit.log_rate(x, scaled, offset[:, fires]).max(axis=0)
        return {
            "mean": np.concatenate([b.mean for b in blocks]),
            "base": base,
            "bias": bias,
            "slope": slope * np.concatenate([b.scale for b in blocks])[:, None],
            "own_slope": own_slope * own_scale[:, None],
            "highest": highest,
        }

    def _solve(self, x: Array, y: Array, offset: Array, penalty: float, own: Array, own_penalty: float) -> PoissonFit:
        """See `fit_poisson`. In single precision, which takes half the time and leaves log rates within TOLERANCE."""
        x32, y32, offset32, own32 = (np.asarray(a, np.float32) for a in (x, y, offset, own))
        return fit_poisson(x32, y32, offset32, penalty, own32, own_penalty, TOLERANCE)  # type: ignore[arg-type]

    def _predict(self, windows: Windows) -> Predictions:
        fit_arrays = self.weights[self.check_recording(windows.recording)]
        fires, shape = fit_arrays["base"] > 0, windows.target.shape
        design = self._design(windows, fit_arrays["base"])
        x = np.concatenate([values for values, _ in design.blocks], axis=2) - fit_arrays["mean"]
        x = x.reshape(-1, x.shape[2])
        own = np.zeros((len(x), 0, shape[2])) if design.own is None else _flat(design.own)
        fit = PoissonFit(fit_arrays["bias"], fit_arrays["slope"], fit_arrays["own_slope"])
        known = self.baseline_rates(windows).reshape(-1, shape[2])
        eta = np.minimum(fit.log_rate(x, own, np.log(known.astype(np.float64))), fit_arrays["highest"])
        return Predictions(rates=np.where(fires, np.exp(eta), known).reshape(shape).astype(np.float32))

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.weights[name])

    def _load(self, folder: Path) -> None:
        self.weights = {}
        for i, (name, units) in enumerate(self.units.items()):
            y = len(units["target_units"])
            x, own = self._sizes(len(units["source_units"]), y)
            expected = float64_arrays(
                mean=(x,),
                base=(y,),
                bias=(y,),
                slope=(x, y),
                own_slope=(own, y),
                highest=(y,),
            )
            self.weights[name] = load_arrays(folder / f"{i}.safetensors", expected)


def _flat(own: Array) -> Array:
    """(window, bin, k, unit) -> (sample, k, unit)."""
    return own.reshape(own.shape[0] * own.shape[1], *own.shape[2:])


def _scaled(values: Array, penalty: float) -> _Scaled:
    x = values.reshape(-1, values.shape[2])
    mean = x.mean(axis=0)
    x = x - mean
    variance = float((x**2).mean())
    scale = 1 / np.sqrt(max(variance * penalty, 1e-12))
    return _Scaled(x * scale, mean, np.full(len(mean), scale))
