"""Initial weights of a translator: a closed-form linear translator, so that training starts from its predictions.

Reduced-rank regression (Izenman 1975; Semedo et al. 2019, Neuron 102:249) of the target's on the source's smoothed
counts gives each recording the source directions that predict the target best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikebridge.baseline import LogOffset
from spikebridge.models.seq2seq.cross_fitting import Parts, rows_of_parts
from spikebridge.models.seq2seq.dataset import chunks, smooth
from spikebridge.models.seq2seq.translator import MIN_WINDOW_SPIKES, Translator
from spikebridge.regression import principal_directions, relative_penalty, ridge_slope
from spikebridge.types import Windows

Array = NDArray[np.float64]
MIN_SD = 0.05  # spikes per bin


@dataclass(frozen=True)
class LinearInitialization:
    """A linear translator of one recording.

    rate, target_sd: (target unit,), of counts per bin. directions: (source unit, n). weights: (n, target unit). See
    `read_in_directions`; both for standardised counts.
    """

    rate: Array
    target_sd: Array
    directions: Array
    weights: Array


def initialize(translator: Translator, i: int, w: Windows, offset: LogOffset, part: Parts) -> None:
    """Set the scale of recording i, and its read-in and read-out so that rates are those of the linear translator.

    offset: of the baseline in w: the linear translator is fitted to what the baseline does not explain. The first
    latents are then the leading linear predictors. part: (window,), see `cross_fitting`; the linear translator of a
    network is fitted to the windows that it learns from.
    """
    p = translator.params
    sums = [_sums(w.select(rows), offset.select(rows), p.smoothing_s / w.bin_s) for rows in rows_of_parts(part)]
    whole = _added(sums)
    translator.scale[f"{i}.mean"] = torch.from_numpy(whole.mean.astype(np.float32)).to(translator.device)
    translator.scale[f"{i}.std"] = torch.from_numpy(whole.sd.astype(np.float32)).to(translator.device)
    n, members = min(p.n_latents, p.input_size), translator.members()
    with torch.no_grad():
        for m, network in enumerate(members):
            member_sums = [s for k, s in enumerate(sums) if len(sums) == 1 or k != m % len(sums)]
            linear = _linear(_added(member_sums), whole.sd, p.input_size, p.warm_start_penalty)
            rate = np.maximum(linear.rate, MIN_WINDOW_SPIKES / w.n_bins)
            read_in, read_out = cast(nn.Linear, network.read_in[i]), cast(nn.Linear, network.read_out[i])
            read_in.weight.copy_(torch.from_numpy(linear.directions.T))
            read_in.bias.zero_()
            read_out.weight.zero_()
            read_out.weight[:, :n].copy_(torch.from_numpy((linear.weights[:n] * linear.target_sd / rate).T))
            read_out.bias.copy_(torch.from_numpy(np.log(rate)))


@dataclass(frozen=True)
class _Sums:
    """Over samples. x, y, k: smoothed source, target and baseline. of_target: (5, target unit), of y, k, the counts,
    their squares, and the baseline.
    """

    n: int
    x: Array
    xx: Array
    xy: Array
    xk: Array
    of_target: Array

    @property
    def mean(self) -> Array:
        """(source unit,), of smoothed counts."""
        return self.x / self.n

    @property
    def gram(self) -> Array:
        """Covariance of the smoothed source."""
        return self.xx / self.n - np.outer(self.mean, self.mean)

    @property
    def sd(self) -> Array:
        """(source unit,), of smoothed counts."""
        return np.maximum(np.sqrt(np.maximum(np.diag(self.gram), 0.0)), MIN_SD)


def _added(parts: Sequence[_Sums]) -> _Sums:
    return _Sums(*(sum(values[1:], values[0]) for values in zip(*(vars(p).values() for p in parts), strict=True)))


def _sums(w: Windows, offset: LogOffset, sigma_bins: float) -> _Sums:
    units = (w.source.shape[2], w.target.shape[2])
    sum_x, sum_xx, sum_xy, sum_xk = np.zeros(units[0]), np.zeros((units[0],) * 2), np.zeros(units), np.zeros(units)
    sums = np.zeros((5, units[1]))
    for rows in chunks(len(w)):
        counts = w.target[rows].astype(np.float64)
        known = np.exp(offset.array(rows).astype(np.float64))
        x, y, k = (_smooth(values, sigma_bins) for values in (w.source[rows], counts, known))
        sum_x, sum_xx = sum_x + x.sum(axis=0), sum_xx + x.T @ x
        sum_xy, sum_xk = sum_xy + x.T @ y, sum_xk + x.T @ k
        sums += [
            y.sum(axis=0),
            k.sum(axis=0),
            *((v**i).sum(axis=(0, 1)) for v, i in ((counts, 1), (counts, 2), (known, 1))),
        ]
    return _Sums(len(w) * w.n_bins, sum_x, sum_xx, sum_xy, sum_xk, sums)


def _linear(s: _Sums, sd: Array, n: int, penalty: float) -> LinearInitialization:
    """sd: (source unit,), that the source is divided by."""
    smooth_y, smooth_k, rate, square, known_mean = s.of_target / s.n
    target_sd = np.maximum(np.sqrt(np.maximum(square - rate**2, 0.0)), MIN_SD)
    # The regression's target is counts - rate * known / known_mean, smoothed.
    factor = rate / known_mean
    cross = (s.xy - s.xk * factor) / s.n - np.outer(s.mean, smooth_y - smooth_k * factor)
    cross /= np.outer(sd, target_sd)
    directions, weights = read_in_directions(s.gram / np.outer(sd, sd), cross, n, penalty)
    return LinearInitialization(rate, target_sd, directions, weights)


def read_in_directions(gram: Array, cross: Array, n: int, penalty: float) -> tuple[Array, Array]:
    """Reduced-rank regression of the smoothed target y on the source x, both standardised.

    gram: (source unit, source unit), mean of x x'. cross: (source unit, target unit), mean of x y'.
    Returns directions (source unit, n), the best predictor first, each predictor of unit variance, and weights
    (n, target unit): x @ directions @ weights is the ridge regression of y, cut to rank n. Beyond the rank all is zero.
    """
    n_in, n_out = cross.shape
    slope = ridge_slope(gram, cross, relative_penalty(gram, penalty))
    axes = principal_directions(slope, gram)
    axes = axes[:, np.arange(min(n, n_out))]  # a copy: products with a reversed view are rounded differently
    directions = slope @ axes
    sd = np.maximum(np.sqrt(np.einsum("ik,ij,jk->k", directions, gram, directions)), 1e-9)
    padded, weights = np.zeros((n_in, n)), np.zeros((n, n_out))
    padded[:, : axes.shape[1]] = directions / sd
    weights[: axes.shape[1]] = axes.T * sd[:, None]
    return padded, weights


def _smooth(values: NDArray[np.generic], sigma_bins: float) -> Array:
    """(window, bin, unit) -> (window * bin, unit)."""
    smoothed = smooth(torch.from_numpy(values.astype(np.float64)), sigma_bins).numpy()
    return np.asarray(smoothed.reshape(-1, values.shape[2]))
